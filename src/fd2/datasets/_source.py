"""What every dataset kind hands over: images with class and split, not yet decoded or rendered."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

SplitName = Literal["train", "test"]


@dataclass(frozen=True)
class SourceImage:
    """One image.

    Attributes:
        path: the file that it is made from on this machine: the picture, or what it is rendered
            with, e.g. a font.
        name: its stable id: POSIX, relative to the dataset's root, the same on every machine.
        class_id: position of its class in `ImageSource.classes`.
        split: ``train`` or ``test``.
        group: what it must not be split from, e.g. a solar module; None where it stands for itself.
    """

    path: Path
    name: str
    class_id: int
    split: SplitName
    group: str | None = None

    @property
    def group_id(self) -> str:
        """Its group's name, or its own where it stands for itself."""
        return self.name if self.group is None else self.group


@dataclass(frozen=True)
class ImageSource:
    """All images of a dataset.

    Attributes:
        classes: names; a class's id is its position.
        images: every image once, in a fixed order.
        facts: JSON-able and free of local paths: version, split rule, licence, attribution.
        render: draws an image at a resolution R as uint8 ``[R, R, 3]``, always the same pixels,
            from any thread; None for other sources.
        pixels: gives an image's own pixels, uint8 ``[h, w]`` in grey or ``[h, w, 3]`` in RGB, from
            any thread, where a file holds many; None for other sources, whose images are files to
            decode if there is no ``render``.
        crop_bottom: rows of pixels that are cut off each file's picture before it is warped.
    """

    classes: tuple[str, ...]
    images: tuple[SourceImage, ...]
    facts: dict[str, Any]
    render: Callable[[SourceImage, int], np.ndarray] | None = None
    pixels: Callable[[SourceImage], np.ndarray] | None = None
    crop_bottom: int = 0


def listing_digest(images: Sequence[SourceImage]) -> str:
    """Changes where an image is added, removed, renamed, moved, or has another size in bytes.

    A sha256 in hexadecimal. Nothing is read but the folders: an edit that keeps a file's size is
    not seen.

    Raises:
        OSError: if a file is gone.
    """
    digest = hashlib.sha256()
    for image in images:
        entry = (image.name, image.class_id, image.split, image.path.stat().st_size)
        digest.update(f"{entry!r}\n".encode())
    return digest.hexdigest()


def hashed_test_names(names: Sequence[str], fraction: float) -> set[str]:
    """The names of one class that go to the test split: the first by sha256 of the name.

    Their share is ``fraction``, in (0, 1); the count is rounded up. No generator is involved, so
    that the split stays the same on every machine, and a new image moves at most one other.
    """
    # The decimal as written: 0.1 * 30 must be 3, not the next whole number above a rounding error.
    count = math.ceil(Fraction(str(fraction)) * len(names))
    return set(sorted(names, key=name_order)[:count])


def name_order(name: str) -> tuple[str, str]:
    """Sorts names by their sha256, which no generator and no other name changes."""
    return hashlib.sha256(name.encode()).hexdigest(), name
