"""A row against another as the words of a grid."""

from __future__ import annotations

from fd2.reporting.differences import Difference
from fd2.reporting.results import METRICS
from fd2.reporting.wording import signed, unsigned

#: Heads of `row_words` and `differing`.
ROW_HEADER = ("method", "dataset", "IPC", "student")
DIFFERENCE_HEADER = tuple(
    word
    for metric in METRICS
    for word in (metric.replace("_", " "), "pooled std", "std error", "verdict")
)


def row_words(pair: Difference) -> list[str]:
    """Which row it is."""
    row = pair.entry.row
    return [pair.entry.label, row.dataset, str(row.ipc), row.student]


def differing(pair: Difference) -> list[str]:
    """For each metric the difference in points, its spread, its standard error and the verdict."""
    return [
        word
        for metric in METRICS
        for word in (
            signed(pair.value(metric)),
            spread(pair, metric),
            unsigned(pair.standard_error(metric)),
            pair.verdict(metric),
        )
    ]


def spread(pair: Difference, metric: str) -> str:
    """Standard deviation over seeds, as `unsigned` writes it."""
    return unsigned(pair.pooled_std(metric))
