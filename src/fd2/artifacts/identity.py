"""An artefact's name, which is its path below the results folder, compared with its path now."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from fd2.config.paths import TEMPLATES
from fd2.errors import FD2Error


@cache
def _pattern() -> re.Pattern[str]:
    fields = re.compile(r"\\\{[a-z0-9:]+\\\}")
    names = "|".join(fields.sub("[^/]+", re.escape(template)) for template in TEMPLATES)
    return re.compile(f"(?:^|/)((?:{names}))$")


def artefact_name(path: str | Path) -> str | None:
    """The path below the results folder, or None for a path that no stage writes."""
    match = _pattern().search(Path(path).absolute().as_posix())
    return match[1] if match else None


def require_name(path: str | Path, written_as: str | None) -> None:
    """Refuse a file that was written as another artefact than its path says.

    Args:
        path: where it was read.
        written_as: the name it was written under; None for files that were written elsewhere.

    Raises:
        FD2Error: with both names.
    """
    name = artefact_name(path)
    if name is not None and written_as is not None and name != written_as:
        raise FD2Error(
            f"the file is {written_as}",
            str(path),
            "put it back, or delete it and run again; its stage makes it anew",
        )
