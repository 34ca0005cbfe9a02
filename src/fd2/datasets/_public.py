"""What public datasets have in common: settings, files below a folder, and a whole copy."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fd2.config.pathvars import filled_in
from fd2.datasets._reading import Reading
from fd2.datasets._source import WHOLE_COPY, ImageSource, SourceImage
from fd2.errors import FD2Error

#: How many folders deep a dataset is searched: archives and mirrors add one or two around it.
DEPTH = 3


@dataclass(frozen=True)
class Published:
    """The numbers of classes and of images that a dataset's authors state."""

    classes: int
    train: int
    test: int

    def __str__(self) -> str:
        return f"{self.classes} classes, {self.train} training and {self.test} test images"


def download_schema(kind: str, **properties: dict[str, Any]) -> dict[str, Any]:
    """The ``SETTINGS_SCHEMA`` of a kind that can be downloaded, with ``properties`` of its own."""
    common = {
        "local_path": {
            "type": ["string", "null"],
            "minLength": 1,
            "default": None,
            "description": f"{kind}: folder of a copy that is already there; null downloads one",
        },
        "mirrors": {
            "type": "array",
            "items": {"type": "string", "pattern": "^https?://"},
            "description": f"{kind}: addresses of folders that hold the archives under their own "
            "names; they replace the known mirrors",
        },
        "sha256": {
            "type": "object",
            "description": f"{kind}: digests, by archive name, of archives that differ from the "
            "known ones",
            "additionalProperties": {
                "type": "string",
                "pattern": "^[0-9a-f]{64}$",
                "description": f"{kind}: sha256 of the archive of that name",
            },
        },
    }
    return {"type": "object", "additionalProperties": False, "properties": {**common, **properties}}


def incomplete(what: str, where: object) -> FD2Error:
    """The error for a copy of which something is missing or damaged."""
    return FD2Error(what, str(where), WHOLE_COPY)


def local_copy(settings: Mapping[str, Any], where: str, key: str = "local_path") -> Path:
    """The folder that a setting names.

    Raises:
        FD2Error: if it is not set or there is no such folder.
    """
    if settings.get(key) is None:
        raise FD2Error("no copy of the images", where, "set 'local_path', or run the workflow")
    place = f"{where}, '{key}'"
    root = filled_in(settings[key], place)
    if not root.is_dir():
        raise FD2Error(f"no such folder: {root}", place, "name the folder of the copy")
    return root


def find(root: Path, *names: str) -> Path | None:
    """The first folder, from ``root`` downwards, that holds all ``names``; None if none does."""
    within = _folders_within(root)
    return next((f for f in within if all((f / name).exists() for name in names)), None)


def find_file(root: Path, *names: str) -> Path | None:
    """The first file, from ``root`` downwards, that has one of the names; None if there is none."""
    within = _folders_within(root)
    return next((f / name for f in within for name in names if (f / name).is_file()), None)


def find_required(root: Path, where: str, *names: str) -> Path:
    """As `find`.

    Raises:
        FD2Error: if there is no such folder; names the files.
    """
    folder = find(root, *names)
    if folder is None:
        raise FD2Error(
            f"no folder with {', '.join(names)}",
            f"{root} and {DEPTH} levels below ({where})",
            "name the folder of the unpacked dataset, or remove the setting to download one",
        )
    return folder


def _folders_within(root: Path) -> Iterator[Path]:
    """The folder and those below it, `DEPTH` levels deep, each level in order of their names."""
    level = [root]
    for depth in range(DEPTH + 1):
        if depth:
            level = [folder / name for folder in level for name in _visible_folders(folder)]
        yield from level


def _visible_folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))


def read_lines(path: Path) -> list[str]:
    """The lines of a list that are not empty.

    Raises:
        FD2Error: if it cannot be read as UTF-8.
    """
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise incomplete(f"cannot read the list: {error}", path) from error


def read_pairs(path: Path) -> dict[str, str]:
    """A list whose lines read ``key value``, split at the first space; the value may have more.

    Raises:
        FD2Error: if it cannot be read, a line has one word only, or a key stands twice.
    """
    pairs: dict[str, str] = {}
    for number, line in enumerate(read_lines(path), start=1):
        key, _, value = line.strip().partition(" ")
        if not value or key in pairs:
            reason = "stands twice" if value else "has no value"
            raise incomplete(f"'{key}' {reason}", f"{path}, line {number}")
        pairs[key] = value.strip()
    return pairs


def checked_source(
    classes: Collection[str],
    images: Collection[SourceImage],
    facts: Mapping[str, Any],
    published: Published,
    root: Path,
    settings: Mapping[str, Any] | None = None,
    hint: str = "",
    **special: Any,
) -> ImageSource:
    """The dataset, if it has the published numbers of classes and images.

    Args:
        classes: of the `ImageSource`.
        images: likewise.
        facts: likewise.
        published: the numbers.
        root: of the copy.
        settings: of the kind, where pictures are files; see `fd2.datasets._reading.exif_property`.
        hint: what a wrong number usually means.
        special: other attributes of the `ImageSource`.

    Raises:
        FD2Error: with the copy's numbers and the published ones, or for an image that is listed
            twice.
    """
    count = Counter(image.split for image in images)
    counted = Published(len(classes), count["train"], count["test"])
    if counted != published:
        raise FD2Error(
            f"{counted}; published are {published}",
            str(root),
            "get a complete copy of this very version" + (f": {hint}" if hint else ""),
        )
    if len({image.name for image in images}) != len(images):
        raise incomplete("an image stands twice in the lists", root)
    reading = Reading(apply_exif=(settings or {}).get("apply_exif", False))
    return ImageSource(tuple(classes), tuple(images), dict(facts), reading=reading, **special)


def class_position(label: Any, classes: int, where: str) -> int:
    """A one-based class label, as text or number, as a position.

    Raises:
        FD2Error: unless it is a whole number from 1 to ``classes``.
    """
    try:
        number = float(label)
    except (TypeError, ValueError):
        number = 0.0
    if not number.is_integer() or not 1 <= number <= classes:
        raise incomplete(f"class label {label!r}, labels go from 1 to {classes}", where)
    return int(number) - 1
