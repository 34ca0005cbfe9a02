"""Datasets that come as a few files of raw pixels and labels, all images of one size."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.datasets._public import Published, checked_source, find_file, incomplete
from fd2.datasets._source import ImageSource, SourceImage, SplitName
from fd2.errors import FD2Error

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class PackedImages:
    """The images of one file.

    Attributes:
        path: of the file on this machine.
        name: the file's published one.
        split: of all its images.
        pixels: uint8 ``[N, h, w]``, or ``[N, h, w, 3]`` in RGB.
        labels: uint8 ``[N]``.
    """

    path: Path
    name: str
    split: SplitName
    pixels: np.ndarray
    labels: np.ndarray


def find_packed(root: Path, where: str, *names: str) -> Path:
    """The first file below ``root`` that has one of the names.

    Raises:
        FD2Error: if there is none; names the first name.
    """
    path = find_file(root, *names)
    if path is None:
        raise FD2Error(
            f"no file {names[0]}",
            f"{root} ({where})",
            "name a folder with all files of the dataset in 'local_path', or leave it out",
        )
    return path


def check_content(content: bytes, sha256: str, path: Path) -> None:
    """Refuse a file that is not the published one: other datasets have files of the same shape.

    Raises:
        FD2Error: with both digests.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        what = f"not the published file: its content has sha256 {found}, not {sha256}"
        raise incomplete(what, path)


def check_labels(labels: np.ndarray, classes: int, path: Path) -> None:
    """Refuse labels that no class belongs to.

    Raises:
        FD2Error: names the first.
    """
    wrong = (labels >= classes).nonzero()[0]
    if len(wrong):
        what = f"image {wrong[0]} has label {labels[wrong[0]]}, labels go from 0 to {classes - 1}"
        raise incomplete(what, path)


def packed_source(
    files: Sequence[PackedImages],
    classes: Sequence[str],
    published: Published,
    facts: Mapping[str, Any],
    root: Path,
) -> ImageSource:
    """All images, file by file; each is named by its file and its position there.

    Raises:
        FD2Error: if their numbers are not the published ones.
    """
    images = [
        SourceImage(file.path, f"{file.name}/{number:05}", label, file.split)
        for file in files
        for number, label in enumerate(file.labels.tolist())
    ]
    arrays = {file.name: file.pixels for file in files}

    def pixels(image: SourceImage) -> np.ndarray:
        name, _, number = image.name.rpartition("/")
        array: np.ndarray = arrays[name][int(number)]
        return array

    return checked_source(classes, images, facts, published, root, pixels=pixels)
