"""Pictures of a set that others made, from class folders or from tables of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import ImageOps
from torch import Tensor

from fd2.datasets._picture import BROKEN, Picture, decode_picture
from fd2.datasets._reading import PLAIN
from fd2.downloads.image_table import COLUMNS, open_table
from fd2.errors import FD2Error
from fd2.imports.source_files import SourceFiles

_LABEL_COLUMN = "label"
#: What JPEG leaves of colour in a grey picture, in levels.
_GREY = 8


@dataclass(frozen=True)
class PictureSet:
    """Pictures with their labels.

    Attributes:
        images: uint8 ``[N, K, H, W]``.
        labels: int64 ``[N]``, positions in ``classes``.
        classes: names of the folders, or those in the table's schema.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]


def read_picture_set(files: SourceFiles, resolution: int, channels: int) -> PictureSet:
    """Decode every picture, as the papers' code reads them.

    Args:
        files: class folders or tables.
        resolution: height and width that all of them must have, in pixels.
        channels: K; 3, or 1 for grey pictures.

    Raises:
        FD2Error: if one gives no picture, has another size, or is coloured where K is 1; or as
            `open_table`.
    """
    classes, rows = (files.classes, _in_folders(files))
    if files.kind == "tables":
        classes, rows = _in_tables(files)
    images, labels = [], []
    for name, content, label in rows:
        try:
            picture = decode_picture(content, Path(name).suffix.lower(), PLAIN)
        except BROKEN as error:
            fix = "get a whole copy of the set"
            raise FD2Error(f"no picture: {error}", f"{files.root}: {name}", fix) from error
        images.append(_pixels(picture, resolution, channels, f"{files.root}: {name}"))
        labels.append(label)
    return PictureSet(torch.stack(images), torch.tensor(labels), classes)


def _pixels(picture: Picture, resolution: int, channels: int, where: str) -> Tensor:
    rgb = picture.rgb
    if rgb.size != (resolution, resolution):
        raise FD2Error(
            f"a picture of {rgb.width} × {rgb.height} pixels, the dataset has {resolution}",
            where,
            "prepare the dataset at the set's resolution, under a name of its own",
        )
    array = np.array(rgb if channels == 3 else ImageOps.grayscale(rgb))
    colours = np.asarray(rgb).astype(np.int16)
    if channels == 1 and int(np.ptp(colours, axis=2).max()) > _GREY:
        fix = "set 'channels: 3' in the dataset's entry"
        raise FD2Error("a coloured picture, the dataset has one channel", where, fix)
    return torch.from_numpy(array.reshape(resolution, resolution, channels)).permute(2, 0, 1)


def _in_folders(files: SourceFiles) -> Iterator[tuple[str, bytes, int]]:
    for label, paths in enumerate(files.images):
        for path in paths:
            yield path.relative_to(files.root).as_posix(), path.read_bytes(), label


def _in_tables(files: SourceFiles) -> tuple[tuple[str, ...], Iterator[tuple[str, bytes, int]]]:
    (tables,) = files.images
    with open_table(tables[0], _LABEL_COLUMN, COLUMNS) as first:
        classes = tuple(first.classes)

    def rows() -> Iterator[tuple[str, bytes, int]]:
        for path in tables:
            with open_table(path, _LABEL_COLUMN, COLUMNS) as table:
                if tuple(table.classes) != classes:
                    what = f"its classes are not those of {tables[0].name}"
                    fix = "name a folder of one set: no second split, no other configuration"
                    raise FD2Error(what, str(path), fix)
                for name, content, label in table.rows:
                    yield f"{path.name}/{name}", content, label

    return classes, rows()
