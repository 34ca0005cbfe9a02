"""What other test images of the same classes would do to a difference: its standard error."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fd2.reporting.results import Result

#: Results with their shares in a mean or, below zero, in what is taken from one.
Shares = list[tuple[Result, float]]


def shares(results: Sequence[Result], factor: float = 1.0) -> Shares:
    """The results' shares in ``factor`` times their mean; empty without results."""
    return [(result, factor / len(results)) for result in results]


def scaled(some: Shares, factor: float) -> Shares:
    """The same with each share times a factor."""
    return [(result, share * factor) for result, share in some]


def standard_error(some: Shares, metric: str) -> float | None:
    """Standard error that the draw of the test images gives a sum of accuracies.

    Students are taken as they are, and test images as drawn anew within each class. Whether they
    are right is added image by image with the shares, so that what two students get right alike
    cancels out. A spread over seeds, sets or teachers, all tested on the same images, contains
    nothing of it.

    Args:
        some: results of one dataset.
        metric: ``top1``, where a class counts by its images, or ``balanced_top1``.

    Returns:
        Percentage points; None without results, where one does not tell which images are right,
        where they were tested on other images, and where a class has one test image.
    """
    known = [(result.correct, share) for result, share in some if result.correct]
    if not known or len(known) < len(some):
        return None
    counts = [[len(digits) for digits in correct.values()] for correct, _ in known]
    if any(own != counts[0] for own in counts) or min(counts[0]) < 2:
        return None
    each = [share * _right("".join(correct.values())) for correct, share in known]
    right: np.ndarray = np.sum(each, axis=0)
    classes = np.split(right, np.cumsum(counts[0])[:-1])
    weights = [len(own) / len(right) if metric == "top1" else 1 / len(classes) for own in classes]
    variances = [float(np.var(own, ddof=1)) / len(own) for own in classes]
    pairs = zip(weights, variances, strict=True)
    return 100 * math.sqrt(sum(weight**2 * variance for weight, variance in pairs))


def _right(digits: str) -> np.ndarray:
    return np.frombuffer(digits.encode("ascii"), dtype=np.uint8) - float(ord("0"))
