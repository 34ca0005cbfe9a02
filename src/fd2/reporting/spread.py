"""Mean and spread of numbers, where there are enough of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def mean(values: Sequence[float]) -> float | None:
    """Arithmetic mean; None of nothing."""
    return statistics.fmean(values) if values else None


def sample_std(values: Sequence[float]) -> float | None:
    """Sample standard deviation; None below two values, which is not zero."""
    return statistics.stdev(values) if len(values) > 1 else None


def pooled_std(*groups: Sequence[float]) -> float | None:
    """Standard deviation pooled over groups, each around its own mean.

    Returns:
        None if a group is empty, or none has two values.
    """
    freedom = sum(len(values) - 1 for values in groups)
    if not all(groups) or freedom < 1:
        return None
    squares = sum((value - statistics.fmean(values)) ** 2 for values in groups for value in values)
    return math.sqrt(squares / freedom)
