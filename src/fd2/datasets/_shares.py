"""A share of each class's images, chosen by names alone and held out; groups stay whole."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from fd2.config.datasets import HELD_OUT_IMAGES, TESTED_ON
from fd2.datasets._source import ImageSource, SourceImage
from fd2.errors import FD2Error, listing

_RULE = (
    "groups of training images that belong together, whole, until no further group brings the "
    "classes nearer to their share; equal ones by sha256 of their name; test images are left out"
)
#: How many images of which class a group has: pairs of class id and count.
_Kind = tuple[tuple[int, int], ...]


def share_of_groups(images: Sequence[SourceImage], fraction: float) -> set[str]:
    """Ids of the groups that make up the share ``fraction``, in (0, 1), of each class's images.

    The count of each class is rounded up. Where each image stands for itself, they are the first of
    each class by the sha256 of their names, so that a new image moves at most one other. Otherwise
    counts come as near to the share as whole groups allow. No generator is involved.
    """
    members: dict[str, Counter[int]] = defaultdict(Counter)
    for image in images:
        members[image.group_id][image.class_id] += 1
    total = Counter(image.class_id for image in images)
    # The decimal as written: 0.1 * 30 must be 3, not the next whole number above a rounding error.
    open_places = {c: math.ceil(Fraction(str(fraction)) * n) for c, n in total.items()}
    # Groups of equal counts differ in their hash alone, so that one of each kind is looked at.
    kinds: dict[_Kind, list[tuple[str, str]]] = defaultdict(list)
    order = {group: (hashlib.sha256(group.encode()).hexdigest(), group) for group in members}
    for group in sorted(members, key=order.__getitem__, reverse=True):
        kinds[tuple(sorted(members[group].items()))].append(order[group])
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


def with_test_share(
    images: Sequence[SourceImage],
    classes: Sequence[str],
    fraction: float,
    called: str,
    where: str,
    fix: str,
) -> tuple[SourceImage, ...]:
    """The images in their order, of which `share_of_groups` has the split ``test``.

    Raises:
        FD2Error: if a class would have no test image, as they are ``called``.
    """
    test = share_of_groups(images, fraction)
    split = tuple(replace(i, split="test") if i.group_id in test else i for i in images)
    there = {image.class_id for image in split if image.split == "test"}
    if empty := [repr(name) for class_id, name in enumerate(classes) if class_id not in there]:
        what = f"{len(empty)} class(es) without a {called} image: {listing(empty)}"
        raise FD2Error(what, where, fix)
    return split


def hold_out(source: ImageSource, fraction: float | None, where: str) -> ImageSource:
    """The same dataset without its test images, tested on a share of its training images.

    None leaves the dataset as it is.

    Raises:
        FD2Error: if a class would have no image held out.
    """
    if fraction is None:
        return source
    train = [image for image in source.images if image.split == "train"]
    fix = "raise held_out_fraction, add training images, or set 'tested_on: test'"
    images = with_test_share(train, source.classes, fraction, "held-out", where, fix)
    rule = {TESTED_ON: HELD_OUT_IMAGES, "held_out_fraction": fraction, "held_out_rule": _RULE}
    return replace(source, images=images, facts={**source.facts, **rule})
