"""Which images of a folder belong together: by their paths, by a table, or as equal files."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fd2.artifacts.remarks import Remark
from fd2.config.pathvars import filled_in
from fd2.config.texts import CsvText
from fd2.datasets._source import SourceImage
from fd2.errors import FD2Error

GROUP_BY = "group_by"
ALONE = "pictures that group_by puts into no group, each for itself"
ABSENT = "lines of the table of group_by that name no picture"
_COLUMNS = ("path", "group")
_TAIL_BYTES = 4096


def grouped(
    images: Sequence[SourceImage], group_by: str | None, where: str
) -> tuple[tuple[SourceImage, ...], list[Remark], dict[str, Any]]:
    """The images with their groups, what is to be told of these, and facts.

    ``group_by`` is a regular expression that is searched in each image's name, where what its
    brackets match names the group, or all that it matches if it has none; or a csv file with the
    columns path, an image's name, and group; or None. Files of equal bytes are one group in any
    case, and join the groups that they belong to.

    Raises:
        FD2Error: for a faulty expression or table, or one that fits no image.
    """
    remarks: list[Remark] = []
    facts: dict[str, Any] = {}
    groups: Mapping[str, str] = {}
    if group_by is not None:
        place = f"{where}, '{GROUP_BY}'"
        if group_by.lower().endswith(".csv"):
            groups, facts[GROUP_BY] = _of_table(filled_in(group_by, place), place)
        else:
            groups, facts[GROUP_BY] = _of_expression(group_by, images, place), group_by
        names = {image.name for image in images}
        if not names & groups.keys():
            raise FD2Error(
                f"{group_by!r} fits none of the {len(images)} pictures",
                place,
                f"it must fit paths below the dataset's folder, such as {images[0].name!r}",
            )
        alone = [image.name for image in images if image.name not in groups]
        absent = sorted(groups.keys() - names)
        found = ((ALONE, alone), (ABSENT, absent))
        remarks = [Remark.of(what, list(some)) for what, some in found if some]
    joined = _joined(images, groups)
    sizes = Counter(joined)
    return (
        tuple(
            replace(image, group=group) if sizes[group] > 1 else image
            for image, group in zip(images, joined, strict=True)
        ),
        remarks,
        facts,
    )


def _of_expression(pattern: str, images: Sequence[SourceImage], place: str) -> dict[str, str]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise FD2Error(
            f"{pattern!r} is no regular expression: {error}",
            place,
            "mend it, or name a csv file with the columns path,group",
        ) from error
    matches = {image.name: expression.search(image.name) for image in images}
    named = {}
    for name, match in matches.items():
        if match is not None:
            parts = [part for part in match.groups() if part is not None]
            named[name] = "/".join(parts) if parts else match.group()
    return {name: group for name, group in named.items() if group}


def _of_table(path: Path, place: str) -> tuple[dict[str, str], str]:
    """Groups by image name, and a text that identifies the table."""
    if not path.is_file():
        fix = "name the table as from the working directory, or by its whole path"
        raise FD2Error(f"no such file: {path}", place, fix)
    table = CsvText.read(path)
    groups: dict[str, str] = {}
    for number, row in table.rows(_COLUMNS, what="a table of groups"):
        name = unicodedata.normalize("NFC", row["path"].removeprefix("./"))
        if not name or not row["group"] or name in groups:
            raise FD2Error(
                f"{name!r} stands twice" if name in groups else "a path or a group is empty",
                table.where(number),
                "write one line for each picture: its path below the dataset's folder, its group",
            )
        groups[name] = row["group"]
    content = json.dumps(groups, sort_keys=True)
    return groups, f"a table, sha256 {hashlib.sha256(content.encode()).hexdigest()}"


def _joined(images: Sequence[SourceImage], groups: Mapping[str, str]) -> list[str]:
    """The group's name of each image; groups with files of equal bytes have become one."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while name in parent:
            name = parent[name]
        return name

    own = [
        f"group {groups[image.name]}" if image.name in groups else image.name for image in images
    ]
    for positions in _equal_files([image.path for image in images]):
        names = sorted({root(own[position]) for position in positions})
        parent.update(dict.fromkeys(names[1:], names[0]))
    return [root(name) for name in own]


def _equal_files(paths: Sequence[Path]) -> list[list[int]]:
    """Positions of files of equal bytes, together; others are left out.

    Files are told apart by their size, then by their last bytes, so that few are read whole. One
    that cannot be read equals no other.
    """
    sets = [list(range(len(paths)))]
    for key in (_size, _tail, _digest):
        sets = [part for whole in sets for part in _parts(whole, paths, key)]
    return sets


def _parts(
    positions: Sequence[int], paths: Sequence[Path], key: Callable[[Path], Hashable]
) -> list[list[int]]:
    by_key: dict[Hashable, list[int]] = defaultdict(list)
    for position in positions:
        try:
            by_key[key(paths[position])].append(position)
        except OSError:
            continue
    return [part for part in by_key.values() if len(part) > 1]


def _size(path: Path) -> Hashable:
    # Empty files are broken, not equal.
    return path.stat().st_size or path


def _tail(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
        return stream.read()


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
