"""A share of each class's images, chosen by names alone; groups of images stay whole."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction

from fd2.datasets._source import SourceImage

#: How many images of which class a group has: pairs of class id and count.
_Kind = tuple[tuple[int, int], ...]


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


def share_of_groups(images: Sequence[SourceImage], fraction: float) -> set[str]:
    """Ids of the groups that make up the share ``fraction``, in (0, 1), of each class's images.

    The count of each class is rounded up. Where each image stands for itself, they are the images
    of `hashed_test_names`. Otherwise counts come as near to the share as whole groups allow.
    """
    members: dict[str, Counter[int]] = defaultdict(Counter)
    for image in images:
        members[image.group_id][image.class_id] += 1
    total = Counter(image.class_id for image in images)
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
