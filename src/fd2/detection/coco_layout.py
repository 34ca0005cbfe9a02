"""Annotation files in COCO's layout, read into arrays after everything in them was looked at.

The layout: https://cocodataset.org/#format-data. Of an annotation ``image_id``, ``category_id``,
``bbox``, ``area`` and ``iscrowd`` are read, the last two where they are there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fd2.detection.annotated_images import AnnotatedImages, is_plain_name
from fd2.errors import FD2Error, shown

#: COCO's own boxes end up to a pixel outside of their images, from rounding.
_OUTSIDE = 1.0
_FIX = "correct the file, or fetch it again; https://cocodataset.org/#format-data tells the layout"


def read_coco(path: Path) -> AnnotatedImages:
    """Read and check an annotation file.

    Raises:
        FD2Error: if it is missing or no JSON, or as `parse_coco`.
    """
    if not path.is_file():
        fix = "put it there, or correct 'path', 'train' and 'val' of the scenes"
        raise FD2Error("no annotation file", str(path), fix)
    try:
        # Without fd2's own checks of JSON: COCO's outlines are a hundred million numbers.
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise FD2Error(f"no JSON: {error}", str(path), _FIX) from error
    return parse_coco(content, str(path))


def parse_coco(content: Any, where: str) -> AnnotatedImages:
    """The arrays of an annotation file's content.

    Args:
        content: JSON values.
        where: the file, for errors.

    Raises:
        FD2Error: if a list or a value is missing, a number stands twice, a file's name leaves its
            folder, an image or a category of a box is not listed, there is no box, or one is none
            or lies outside of its image; names the box.
    """
    images, boxes, categories = (_listed(content, key, where) for key in _LISTS)
    numbers = _positions(images, "image", where)
    names = _column(images, "file_name", where)
    for name in names:
        if not isinstance(name, str) or not is_plain_name(name):
            raise FD2Error(f"an image's file is called {shown(name)}", where, _FIX)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise FD2Error(f"image '{twice}' stands twice", where, _FIX)
    sizes = [_column(images, key, where) for key in ("width", "height")]
    if not all(isinstance(side, int) and side > 0 for of_axis in sizes for side in of_axis):
        raise FD2Error("an image without width and height in pixels", where, _FIX)
    found = AnnotatedImages(
        categories=_categories(categories, where),
        names=tuple(names),
        sizes=torch.tensor(sizes, dtype=torch.int64).T.reshape(-1, 2),
        image=_pointed(boxes, "image_id", numbers, where),
        category=_pointed(boxes, "category_id", _positions(categories, "category", where), where),
        boxes=_boxes(boxes, where),
        areas=torch.tensor([_area(box) for box in boxes], dtype=torch.float64),
        crowd=torch.tensor([bool(box.get("iscrowd", 0)) for box in boxes], dtype=torch.bool),
    )
    _require_inside(found, boxes, where)
    return found


_LISTS = ("images", "annotations", "categories")


def _listed(content: Any, key: str, where: str) -> list[dict[str, Any]]:
    values = content.get(key) if isinstance(content, Mapping) else None
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise FD2Error(f"no list of '{key}'", where, _FIX)
    if not values:
        what = "no box at all" if key == "annotations" else f"an empty list of '{key}'"
        raise FD2Error(what, where, "give a file with annotated images")
    return values


def _column(rows: Sequence[Mapping[str, Any]], key: str, where: str) -> list[Any]:
    missing = next((row for row in rows if key not in row), None)
    if missing is not None:
        raise FD2Error(f"no '{key}' in {shown(missing)}", where, _FIX)
    return [row[key] for row in rows]


def _positions(rows: Sequence[Mapping[str, Any]], what: str, where: str) -> dict[int, int]:
    """Position by number."""
    numbers = _column(rows, "id", where)
    if not all(isinstance(number, int) for number in numbers):
        raise FD2Error(f"a {what} whose number is none", where, _FIX)
    positions = {number: position for position, number in enumerate(numbers)}
    if len(positions) < len(numbers):
        twice = next(number for number in numbers if numbers.count(number) > 1)
        raise FD2Error(f"{what} {twice} stands twice", where, _FIX)
    return positions


def _categories(rows: Sequence[Mapping[str, Any]], where: str) -> tuple[tuple[int, str], ...]:
    names = [str(name) for name in _column(rows, "name", where)]
    if len(set(names)) < len(names):
        raise FD2Error(f"two categories of one name among {shown(names)}", where, _FIX)
    return tuple(zip(_column(rows, "id", where), names, strict=True))


def _pointed(
    boxes: Sequence[Mapping[str, Any]], key: str, positions: Mapping[int, int], where: str
) -> Tensor:
    """Position of what each box names."""
    what = key.removesuffix("_id")
    for box, number in zip(boxes, _column(boxes, key, where), strict=True):
        if not isinstance(number, int) or number not in positions:
            told = f"{_name(box)} is of {what} {shown(number)}, which is not listed"
            raise FD2Error(told, where, _FIX)
    return torch.tensor([positions[box[key]] for box in boxes], dtype=torch.int64)


def _boxes(boxes: Sequence[Mapping[str, Any]], where: str) -> Tensor:
    for box, sides in zip(boxes, _column(boxes, "bbox", where), strict=True):
        four = isinstance(sides, list) and len(sides) == 4
        if not four or not all(
            isinstance(side, int | float) and not isinstance(side, bool) for side in sides
        ):
            what = f"{_name(box)} is {shown(sides)}, not left, top, width and height"
            raise FD2Error(what, where, _FIX)
    return torch.tensor([box["bbox"] for box in boxes], dtype=torch.float64).reshape(-1, 4)


def _area(box: Mapping[str, Any]) -> float:
    return float(box.get("area", box["bbox"][2] * box["bbox"][3]))


def _require_inside(found: AnnotatedImages, boxes: Sequence[Mapping[str, Any]], where: str) -> None:
    corner, sides = found.boxes[:, :2], found.boxes[:, 2:]
    sizes = found.sizes[found.image]
    fits = (corner >= -_OUTSIDE) & (sides >= 0) & (corner + sides <= sizes + _OUTSIDE)
    # False for what is not finite, too.
    if not fits.all():
        bad = int((~fits.all(1)).nonzero()[0])
        width, height = sizes[bad].tolist()
        image = found.names[int(found.image[bad])]
        raise FD2Error(
            f"{_name(boxes[bad])}, {shown(boxes[bad]['bbox'])}, lies outside of its image "
            f"'{image}' of {width} × {height} pixels",
            where,
            "correct it; a box is left, top, width and height in pixels",
        )


def _name(box: Mapping[str, Any]) -> str:
    return f"box {box['id']}" if "id" in box else "a box"
