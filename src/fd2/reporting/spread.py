"""Spread of several groups around their own means."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


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
