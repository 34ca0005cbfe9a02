"""Pictures that stand twice: told, and refused where training and test images share them."""

from __future__ import annotations

from collections.abc import Sequence

from fd2.artifacts.remarks import Remark
from fd2.datasets._source import ImageSource, SourceImage
from fd2.errors import FD2Error, listing

SAME_CLASS = "copies of another picture of their class, which counts twice"
OTHER_CLASS = "copies of a picture of another class"
SHARED = "test images of which training has a copy, or another picture of their group"


def require_apart(source: ImageSource, where: str) -> None:
    """Refuse groups that training and test images share, where the source does.

    Raises:
        FD2Error: with how many test images, and the first pairs.
    """
    _refuse(source, _shared(source.images, [image.group_id for image in source.images]), where)


def remarks_on_copies(
    source: ImageSource, images: Sequence[SourceImage], pixels: Sequence[str], where: str
) -> list[Remark]:
    """What is to be told of images with equal pixels at the working resolution.

    Args:
        source: of the images.
        images: all of both splits.
        pixels: a digest of the pixels of each.
        where: of the dataset's settings.

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
