"""Images that belong together, as groups or copies: found, told, and refused across a split."""

from __future__ import annotations

import contextlib
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
from fd2.datasets._source import ImageSource, SourceImage
from fd2.errors import FD2Error, listing

GROUP_BY = "group_by"
ALONE = "pictures that group_by puts into no group, each for itself"
ABSENT = "lines of the table of group_by that name no picture"
SAME_CLASS = "copies of another picture of their class, which counts twice"
OTHER_CLASS = "copies of a picture of another class"
SHARED = "test images of which training has a copy, or another picture of their group"
_COLUMNS = ("path", "group")
_TAIL_BYTES = 4096


def grouped(
    images: Sequence[SourceImage], group_by: str | None, where: str
) -> tuple[tuple[SourceImage, ...], list[Remark], dict[str, Any]]:
    """The images with their groups, what is to be told of these, and facts.

    ``group_by`` is a regular expression, searched in each image's name, whose brackets, or else all
    of it, match the group's name; or a csv file with the columns path, an image's name, and group;
    or None. Files of equal bytes are always one group, and join the groups that they belong to.

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
        absent = sorted(groups.keys() - names)
        if len(absent) == len(groups):
            raise FD2Error(
                f"{group_by!r} fits none of the {len(images)} pictures",
                place,
                f"it must fit paths below the dataset's folder, such as {images[0].name!r}",
            )
        alone = [image.name for image in images if image.name not in groups]
        found = ((ALONE, alone), (ABSENT, absent))
        remarks = [Remark.of(what, some) for what, some in found if some]
    joined = _joined(images, groups)
    sizes = Counter(joined)
    pairs = zip(images, joined, strict=True)
    listed = (replace(image, group=g) if sizes[g] > 1 else image for image, g in pairs)
    return tuple(listed), remarks, facts


def _of_expression(pattern: str, images: Sequence[SourceImage], place: str) -> dict[str, str]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise FD2Error(
            f"{pattern!r} is no regular expression: {error}",
            place,
            "mend it, or name a csv file with the columns path,group",
        ) from error
    groups = {}
    for image in images:
        if match := expression.search(image.name):
            parts = [part for part in match.groups() if part is not None]
            groups[image.name] = "/".join(parts) if parts else match.group()
    return {name: group for name, group in groups.items() if group}


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

    own = [f"group {groups[i.name]}" if i.name in groups else i.name for i in images]
    for positions in _equal_files([image.path for image in images]):
        names = sorted({root(own[position]) for position in positions})
        parent.update(dict.fromkeys(names[1:], names[0]))
    return [root(name) for name in own]


def _equal_files(paths: Sequence[Path]) -> list[list[int]]:
    """Positions of files of equal bytes, together; others are left out.

    Files are told apart by their size, then by their last bytes, so that few are read whole. One
    that cannot be read equals no other.
    """
    keys: tuple[Callable[[Path], Hashable], ...] = (_size, _tail, _digest)
    sets = [list(range(len(paths)))]
    for key in keys:
        parts: dict[Hashable, list[int]] = defaultdict(list)
        for number, positions in enumerate(sets):
            for position in positions:
                with contextlib.suppress(OSError):
                    parts[number, key(paths[position])].append(position)
        sets = [part for part in parts.values() if len(part) > 1]
    return sets


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


def require_apart(source: ImageSource, where: str) -> None:
    """Refuse groups that training and test images share, where the source does.

    Raises:
        FD2Error: with how many test images, and the first pairs.
    """
    _refuse(source, _shared(source.images, [image.group_id for image in source.images]), where)


def remarks_on_copies(
    source: ImageSource, images: Sequence[SourceImage], pixels: Sequence[str], where: str
) -> list[Remark]:
    """What is to be told of images of both splits, by the digests of their ``pixels``.

    Raises:
        FD2Error: if training and test images share one, and the source refuses this.
    """
    pairs = _shared(images, pixels) | _shared(images, [image.group_id for image in images])
    _refuse(source, pairs, where)
    same, other = [], []
    first: dict[str, SourceImage] = {}
    first_of_split: dict[tuple[str, str], SourceImage] = {}
    for image, key in zip(images, pixels, strict=True):
        original = first.setdefault(key, image)
        before = first_of_split.setdefault((key, image.split), image)
        if original.class_id != image.class_id:
            other.append(f"{image.name} = {original.name}")
        elif before is not image:
            same.append(f"{image.name} = {before.name}")
    found = ((SAME_CLASS, same), (OTHER_CLASS, other), (SHARED, list(pairs.values())))
    return [Remark.of(what, names) for what, names in found if names]


def _shared(images: Sequence[SourceImage], keys: Sequence[str]) -> dict[str, str]:
    """By the name of each test image whose key a training image has: both names."""
    training: dict[str, str] = {}
    for image, key in zip(images, keys, strict=True):
        if image.split == "train":
            training.setdefault(key, image.name)
    return {
        image.name: f"{image.name} with {training[key]}"
        for image, key in zip(images, keys, strict=True)
        if image.split == "test" and key in training
    }


def _refuse(source: ImageSource, pairs: dict[str, str], where: str) -> None:
    if not pairs or not source.refuses_shared:
        return
    tests = sum(image.split == "test" for image in source.images)
    raise FD2Error(
        f"{len(pairs)} of {tests} {SHARED}: {listing(list(pairs.values()), most=3)}",
        where,
        "take them out of one of the two; where a fraction makes the split, say in group_by what "
        "belongs together; or set 'allow_leakage: true', and captions tell it",
    )
