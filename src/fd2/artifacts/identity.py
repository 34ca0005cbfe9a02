"""What a file says of itself: its name, which is a path below the results folder, and a digest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fd2.artifacts.files import damaged, json_digest
from fd2.config.paths import TEMPLATES
from fd2.errors import FD2Error

#: Of all files that stages write; raised with every change that an older reader would not notice.
FORMAT = 2
_NAME = "artefact"


@cache
def _pattern() -> re.Pattern[str]:
    fields = re.compile(r"\\\{[a-z0-9:]+\\\}")
    names = "|".join(fields.sub("[^/]+", re.escape(template)) for template in TEMPLATES)
    return re.compile(f"(?:^|/)((?:{names}))$")


def artefact_name(path: str | Path) -> str | None:
    """The path below the results folder, or None for a path that no stage writes."""
    match = _pattern().search(Path(path).absolute().as_posix())
    return match[1] if match else None


def require_name(path: str | Path, name: str | None) -> None:
    """Refuse a file that was written under another name than its path says.

    A path that no stage writes may hold any file; ``name`` is None if no stage wrote it.

    Raises:
        FD2Error: with both names.
    """
    expected = artefact_name(path)
    if expected is not None and name is not None and expected != name:
        raise FD2Error(
            f"the file is {name}",
            str(path),
            "put it back, or delete it and run again; its stage makes it anew",
        )


def signed(path: str | Path, content: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A file's facts as JSON values, with format and name, and the digest of all under ``key``."""
    facts = {**content, "format": FORMAT, _NAME: artefact_name(path)}
    # As it will be read: numbers as keys become words, and sort as such.
    plain: dict[str, Any] = json.loads(json.dumps(facts))
    return {**plain, key: json_digest(plain)}


def verified(path: str | Path, content: object, key: str) -> dict[str, Any]:
    """The facts that were given to `signed`.

    Raises:
        FD2Error: if digest or name are missing, the digest is of other facts, or these are of
            another format or of another artefact than the path says.
    """
    facts: dict[str, Any] = dict(content) if isinstance(content, dict) else {}
    digest = facts.pop(key, None)
    if digest is None or _NAME not in facts:
        raise damaged(path, "it holds no digest of its content")
    if digest != json_digest(facts):
        raise damaged(path, "the digest of its content does not fit")
    if (found := facts.pop("format", None)) != FORMAT:
        raise damaged(path, f"format {found}, this version reads format {FORMAT}")
    require_name(path, facts.pop(_NAME))
    return facts
