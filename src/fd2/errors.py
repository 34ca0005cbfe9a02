"""The one exception that users are meant to read."""

from __future__ import annotations

import difflib
import json
import math
import os
from collections.abc import Collection, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

#: Characters of one part of a message, and of a value in it; what is longer is cut.
_LONGEST_PART = 4000
_LONGEST_VALUE = 80


class FD2Error(Exception):
    """A fault that a user can fix.

    Args:
        what: what is wrong, with the bad value.
        where: a file, a setting's path, a class or an image.
        fix: what to do about it, with the allowed values where they are known.
    """

    #: What a job that ends with this error returns to its shell.
    exit_code = 1

    def __init__(self, what: str, where: str, fix: str) -> None:
        self.what, self.where, self.fix = (shortened(part) for part in (what, where, fix))
        super().__init__(f"{self.what}\n  where: {self.where}\n  fix:   {self.fix}")

    def __reduce__(self) -> tuple[type[FD2Error], tuple[str, str, str]]:
        return type(self), (self.what, self.where, self.fix)


def shortened(text: str, most: int = _LONGEST_PART) -> str:
    """The text, cut after ``most`` characters, with its whole length."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def shown(value: object) -> str:
    """A value for a message, as YAML writes it, text in quotes; cut where it is long."""
    if isinstance(value, str):
        return repr(shortened(value, _LONGEST_VALUE))
    if isinstance(value, float) and not math.isfinite(value):
        return f".{value}" if value != -math.inf else "-.inf"
    return shortened(json.dumps(value, ensure_ascii=False, default=str), _LONGEST_VALUE)


def cannot_write(path: object, error: OSError) -> FD2Error:
    """The error for a file or folder that the system does not write."""
    return FD2Error(
        f"cannot write: {error.strerror or error}",
        str(path),
        "make the folder writable and check free space (df -h, df -i), then run again",
    )


def system_fault(error: OSError) -> FD2Error:
    """The error for a file or folder that the system refuses, e.g. one of another user."""
    return FD2Error(
        f"cannot be read or written: {error.strerror or error}",
        str(error.filename or "a file that the system does not name"),
        "look who owns it and what is allowed (ls -ld), make it yours, or name another folder",
    )


def suggest(wrong: str, allowed: Iterable[str]) -> str:
    """A sentence that names the nearest allowed word and all of them.

    Args:
        wrong: the word that was given.
        allowed: the words that would have been accepted.

    Returns:
        ``did you mean 'x'? allowed: a, b, x`` or only the list where nothing is near.
    """
    words = sorted(str(word) for word in allowed)
    near = nearest(wrong, words)
    listing = "allowed: " + (", ".join(words) if words else "(none)")
    return f"did you mean '{near}'? {listing}" if near else listing


def nearest(wrong: str, words: Iterable[str]) -> str | None:
    """The word that is spelt most like a wrong one, whatever the capitals; None if none is near."""
    spelt = {word.casefold(): word for word in words}
    near = difflib.get_close_matches(str(wrong).casefold(), spelt, n=1, cutoff=0.6)
    return spelt[near[0]] if near else None


def listing(items: Sequence[str], separator: str = ", ", most: int = 10) -> str:
    """The first ``most`` items, and how many more there are."""
    rest = [f"and {len(items) - most} more"] if len(items) > most else []
    return separator.join([*items[:most], *rest])


def require_known(
    what: str, name: str, allowed: Collection[str], where: str, more: str = ""
) -> None:
    """Refuse a name that is not among the allowed ones.

    Args:
        what: what the name is of, for the error.
        name: as it was given.
        allowed: names that would have been accepted.
        where: of the name.
        more: how to get another one, for the fix.

    Raises:
        FD2Error: names the nearest allowed one.
    """
    if name not in allowed:
        raise FD2Error(f"unknown {what} {shown(name)}", where, suggest(name, allowed) + more)


def require_writable(folder: str | Path, setting: str) -> None:
    """Refuse an output folder that is a file, or that cannot be created or written.

    Args:
        folder: may not exist yet; then the nearest folder above it counts.
        setting: where its path was read.

    Raises:
        FD2Error: names the path that stands in the way.
    """
    path = Path(folder)
    # What cannot be looked into does not exist for it, and the folder above counts.
    existing = next(p for p in (path, *path.absolute().parents) if os.path.exists(p))
    if not os.path.isdir(existing):
        raise FD2Error(
            f"'{existing}' is a file, a folder is needed", setting, "move it away or name another"
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise FD2Error(
            f"'{existing}' cannot be written", setting, "change its permissions or name another"
        )


def require_extra(package: str, extra: str, target: str) -> None:
    """Refuse a target that needs a package of an extra which is not installed.

    Raises:
        FD2Error: says how to install it.
    """
    if find_spec(package) is None:
        raise FD2Error(f"package {package} is not installed", target, f"pip install 'fd2[{extra}]'")
