"""A row against another as the words of a grid."""

from __future__ import annotations

from fd2.reporting.differences import Difference
from fd2.reporting.results import METRICS
from fd2.reporting.wording import NO_SPREAD, signed

#: Heads of `row_words` and `differing`.
ROW_HEADER = ("method", "dataset", "IPC", "student")
DIFFERENCE_HEADER = tuple(
    word for metric in METRICS for word in (metric.replace("_", " "), "pooled std", "verdict")
)


def row_words(pair: Difference) -> list[str]:
    """Which row it is."""
    row = pair.entry.row
    return [pair.entry.label, row.dataset, str(row.ipc), row.student]


def differing(pair: Difference) -> list[str]:
    """For each metric the difference in points, the spread over seeds and the verdict."""
    return [
        word
        for metric in METRICS
        for word in (signed(pair.value(metric)), spread(pair, metric), pair.verdict(metric))
    ]


def spread(pair: Difference, metric: str) -> str:
    """``0.9``; a dash where it is unknown."""
    std = pair.pooled_std(metric)
    return NO_SPREAD if std is None else f"{std:.1f}"
