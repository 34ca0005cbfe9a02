"""Means over several sets by the same settings, as a grid of words."""

from __future__ import annotations

from collections.abc import Sequence

from fd2.reporting.gain_texts import Grid
from fd2.reporting.repeated_sets import RepeatedSet
from fd2.reporting.results import METRICS
from fd2.reporting.wording import MISSING, NO_SPREAD, signed

REPEATED_TITLE = "Means over several sets by the same settings"
_WHICH = ("method", "dataset", "IPC", "student", "sets")
EXPLANATION = (
    "Sets of a line differ in the seeds of their images alone. Mean over sets of their students' "
    "mean ± sample standard deviation between sets; the gain is over random real images under the "
    "same labels, beside the standard deviation between sets pooled over both."
)


def repeated_grid(sets: Sequence[RepeatedSet]) -> Grid:
    """Header and lines of all numbers."""
    header = [*_WHICH]
    for metric in METRICS:
        header += [metric.replace("_", " "), "gain", "pooled std", "verdict"]
    return header, [
        [*_which(each), *(word for metric in METRICS for word in _metric(each, metric))]
        for each in sets
    ]


def narrow_repeated_grid(sets: Sequence[RepeatedSet]) -> Grid:
    """As `repeated_grid`, for a page of paper: without verdicts."""
    header = [*_WHICH]
    for metric in METRICS:
        header += [metric.replace("_", " "), "gain"]
    return header, [
        [*_which(each), *(w for m in METRICS for w in (_score(each, m), _gain(each, m)))]
        for each in sets
    ]


def _which(each: RepeatedSet) -> list[str]:
    row = each.entries[0].row
    found, asked = len(each.values("top1")), len(each.entries)
    count = str(asked) if found == asked else f"{found} of {asked}"
    return [each.label, row.dataset, str(row.ipc), row.student, count]


def _metric(each: RepeatedSet, metric: str) -> list[str]:
    if each.random is None:
        return [_score(each, metric), "", "", ""]
    spread = _number(each.pooled_std(metric))
    return [_score(each, metric), signed(each.gain(metric)), spread, each.verdict(metric)]


def _score(each: RepeatedSet, metric: str) -> str:
    mean = each.mean(metric)
    return MISSING if mean is None else f"{mean:.1f} ± {_number(each.std(metric))}"


def _gain(each: RepeatedSet, metric: str) -> str:
    if each.random is None:
        return ""
    return f"{signed(each.gain(metric))} ± {_number(each.pooled_std(metric))}"


def _number(value: float | None) -> str:
    return NO_SPREAD if value is None else f"{value:.1f}"
