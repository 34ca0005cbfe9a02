"""Scenes: real images with boxes, checked once and stored as arrays beside their folder's path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fd2.artifacts.files import damaged
from fd2.artifacts.tensors import read_tensors, write_tensors
from fd2.detection.annotated_images import AnnotatedImages

_TENSORS = ("sizes", "image", "category", "boxes", "areas", "crowd")


@dataclass(frozen=True)
class SceneSplit:
    """The images of one split.

    Attributes:
        folder: of the image files.
        annotated: their names and boxes.
        manifest: digest of all images and boxes of both splits.
    """

    folder: Path
    annotated: AnnotatedImages
    manifest: str


def write_split(
    path: Path, folder: Path, annotated: AnnotatedImages, shaped: Mapping[str, Any]
) -> None:
    """Write a split; ``shaped`` holds ``manifest``."""
    facts = {
        "folder": str(folder),
        "categories": [list(category) for category in annotated.categories],
        "names": list(annotated.names),
    }
    tensors = {name: getattr(annotated, name) for name in _TENSORS}
    write_tensors(path, tensors, {**shaped, **facts})


def read_split(path: Path) -> SceneSplit:
    """Read a file of `write_split`; whether the images are there, their reader finds out.

    Raises:
        FD2Error: if it is missing or damaged.
    """
    tensors, facts = read_tensors(path)
    if set(tensors) != set(_TENSORS) or len(tensors["sizes"]) != len(facts["names"]):
        raise damaged(path, f"it holds {sorted(tensors)}, not scenes")
    categories = tuple((int(number), str(name)) for number, name in facts["categories"])
    annotated = AnnotatedImages(categories, tuple(facts["names"]), **tensors)
    return SceneSplit(Path(facts["folder"]), annotated, facts["manifest"])
