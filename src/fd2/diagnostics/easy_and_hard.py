"""The easy and the hard ones among some classes, by their complexity; without torch, for tables."""

from __future__ import annotations

import math
from collections.abc import Sequence


def easy_and_hard(
    complexity: Sequence[Sequence[float]], by: int, size: int | None = None
) -> tuple[list[int], list[int]]:
    """Positions of the easiest and of the hardest classes, ascending each.

    Classes alike at the threshold, as maps of few cells often make them, are told apart by their
    mean over all thresholds; then the earlier one counts as the easier.

    Args:
        complexity: of each class at each threshold, in [0, 1].
        by: position of the threshold that tells them apart.
        size: how many of either, at most half of the classes, as the ten of Comp-DD; None for
            halves, where of an odd number the middle class belongs to neither.
    """
    keys = [(own[by], math.fsum(own) / len(own)) for own in complexity]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    count = len(order) // 2 if size is None else size
    return sorted(order[:count]), sorted(order[len(order) - count :])


def mean_complexity(complexity: Sequence[Sequence[float]]) -> list[float] | None:
    """Mean over classes at each threshold; None of no class."""
    if not complexity:
        return None
    return [math.fsum(column) / len(complexity) for column in zip(*complexity, strict=True)]
