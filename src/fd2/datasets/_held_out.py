"""A part of the training images instead of the test images, to choose settings on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from fd2.config.datasets import HELD_OUT_IMAGES, TESTED_ON
from fd2.datasets._shares import share_of_groups
from fd2.datasets._source import ImageSource
from fd2.errors import FD2Error

_RULE = (
    "groups of training images that belong together, whole, until no further group brings the "
    "classes nearer to their share; equal ones by sha256 of their name; test images are left out"
)


def hold_out(source: ImageSource, fraction: float | None, where: str) -> ImageSource:
    """The same dataset without its test images, tested on a part of its training images.

    Of each class's training images the share ``fraction``, in (0, 1), is held out, the count
    rounded up; None leaves the dataset as it is. Images of one `SourceImage.group` stay together.
    Where each image stands for itself, the images held out are the first of each class by the
    sha256 of their names, as in `hashed_test_names`. Otherwise counts come as near to the share as
    complete groups allow. No generator is involved. Images keep their order; those held out have
    the split ``test``.

    Raises:
        FD2Error: if a class would have no image held out.
    """
    if fraction is None:
        return source
    train = [image for image in source.images if image.split == "train"]
    held = share_of_groups(train, fraction)
    images = tuple(
        replace(image, split="test") if image.group_id in held else image for image in train
    )
    count = Counter(image.class_id for image in images if image.split == "test")
    empty = [name for class_id, name in enumerate(source.classes) if not count[class_id]]
    if empty:
        raise FD2Error(
            f"{len(empty)} class(es) without a held-out image: {', '.join(map(repr, empty))}",
            where,
            "raise held_out_fraction, add training images, or set 'tested_on: test'",
        )
    facts = {
        **source.facts,
        TESTED_ON: HELD_OUT_IMAGES,
        "held_out_fraction": fraction,
        "held_out_rule": _RULE,
    }
    return replace(source, images=images, facts=facts)
