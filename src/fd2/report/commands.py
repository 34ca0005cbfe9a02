"""The commands of the page: what to type to make a file, or to make it again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Invocation:
    """How the workflow was called, so that a command reads the same config again.

    Attributes:
        config_files: named with ``--configfile``; empty where the default config was read alone.
        settings: given with ``--config``.
    """

    config_files: Sequence[str]
    settings: Mapping[str, Any]

    def make(self, *targets: object) -> str:
        """The command that makes targets, and what they need, unless they are there."""
        return " ".join(["snakemake", *_quoted(targets), *self._options()])

    def again(self, target: object) -> str:
        """The command that makes one file anew, and nothing that it is made from."""
        return " ".join(["snakemake", "--force", *_quoted([target]), *self._options()])

    def _options(self) -> list[str]:
        # Snakemake takes what follows --configfile for further files, so targets stand first.
        options = ["--cores", "all"]
        if self.config_files:
            options += ["--configfile", *_quoted(self.config_files)]
        if self.settings:
            pairs = (f"{key}={_value(value)}" for key, value in sorted(self.settings.items()))
            options += ["--config", *_quoted(pairs)]
        return options


def _quoted(words: Iterable[object]) -> list[str]:
    return [shlex.quote(str(word)) for word in words]


def _value(value: Any) -> str:
    # Snakemake reads True and False as Python writes them, all else as YAML.
    plain = isinstance(value, str | bool)
    return str(value) if plain else json.dumps(value, ensure_ascii=False)
