"""What every dataset kind hands over: images with class and split, not yet decoded or rendered."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fd2.artifacts.remarks import Remark
from fd2.datasets._reading import PLAIN, Reading

if TYPE_CHECKING:
    import numpy as np

SplitName = Literal["train", "test"]
#: What to do about files of a public dataset that are broken or not there.
WHOLE_COPY = "get a complete copy of the dataset"


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
        reading: how files become pictures.
        remarks: what is to be told before a file is opened.
        remedy: what to do about files that are broken or not there.
        refuses_shared: whether a picture that training and test images share is refused, not told.
    """

    classes: tuple[str, ...]
    images: tuple[SourceImage, ...]
    facts: dict[str, Any]
    render: Callable[[SourceImage, int], np.ndarray] | None = None
    pixels: Callable[[SourceImage], np.ndarray] | None = None
    crop_bottom: int = 0
    reading: Reading = PLAIN
    remarks: tuple[Remark, ...] = ()
    remedy: str = WHOLE_COPY
    refuses_shared: bool = False

    def training_counts(self) -> dict[str, int]:
        """Training images of each class by its name."""
        counts = Counter(image.class_id for image in self.images if image.split == "train")
        return {name: counts[class_id] for class_id, name in enumerate(self.classes)}


def listing_digest(images: Sequence[SourceImage]) -> str:
    """A sha256 that changes where an image is added, removed, renamed, moved, grouped or resized.

    Nothing is read but the folders: an edit that keeps a file's size is not seen.

    Raises:
        OSError: if a file is gone.
    """
    digest = hashlib.sha256()
    for image in images:
        entry = (image.name, image.class_id, image.split, image.group, image.path.stat().st_size)
        digest.update(f"{entry!r}\n".encode())
    return digest.hexdigest()
