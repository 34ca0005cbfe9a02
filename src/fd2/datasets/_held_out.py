"""A part of the training images instead of the test images, to choose settings on."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from fd2.config.datasets import HELD_OUT_IMAGES, TESTED_ON
from fd2.datasets._source import ImageSource, SourceImage, name_order
from fd2.errors import FD2Error

_RULE = (
    "groups of training images that belong together, whole, until no further group brings the "
    "classes nearer to their share; equal ones by sha256 of their name; test images are left out"
)
#: How many images of which class a group has: pairs of class id and count.
_Kind = tuple[tuple[int, int], ...]


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
    held = _chosen(train, fraction)
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


def _chosen(train: Sequence[SourceImage], fraction: float) -> set[str]:
    """Ids of the groups that are held out."""
    members: dict[str, Counter[int]] = defaultdict(Counter)
    for image in train:
        members[image.group_id][image.class_id] += 1
    total = Counter(image.class_id for image in train)
    # The decimal as written, as in hashed_test_names.
    open_places = {c: math.ceil(Fraction(str(fraction)) * n) for c, n in total.items()}
    # Groups of equal counts differ in their hash alone, so that one of each kind is looked at.
    kinds: dict[_Kind, list[tuple[str, str]]] = defaultdict(list)
    for group in sorted(members, key=name_order, reverse=True):
        kinds[tuple(sorted(members[group].items()))].append(name_order(group))
    change = {kind: _change(kind, open_places, total) for kind in kinds}
    chosen: set[str] = set()
    while change:
        best = min(change, key=lambda kind: (change[kind], kinds[kind][-1]))
        if change[best] >= 0:
            break
        chosen.add(kinds[best].pop()[1])
        if not kinds[best]:
            del change[best]
        for class_id, count in best:
            open_places[class_id] -= count
        touched = {class_id for class_id, _ in best}
        for kind in change:
            if any(class_id in touched for class_id, _ in kind):
                change[kind] = _change(kind, open_places, total)
    return chosen


def _change(kind: _Kind, open_places: Mapping[int, int], total: Mapping[int, int]) -> Fraction:
    """How a group changes the classes' distances to their share, each relative to its class."""
    return sum(
        (
            Fraction(abs(open_places[c] - count) - abs(open_places[c]), total[c])
            for c, count in kind
        ),
        Fraction(0),
    )
