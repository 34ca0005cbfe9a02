"""Means over several sets and over several teachers by the same settings, as grids of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fd2.reporting.gain_texts import Grid
from fd2.reporting.repeated import Repeated
from fd2.reporting.repeated_sets import repeated_sets
from fd2.reporting.repeated_teachers import repeated_teachers
from fd2.reporting.results import METRICS
from fd2.reporting.table import Table
from fd2.reporting.wording import MISSING, signed, unsigned


@dataclass(frozen=True)
class Section:
    """One kind of repetition in a table.

    Attributes:
        explanation: what differs within a line, and what the numbers are.
        spread: what stands beside the gain.
        groups: one a line; at least one.
    """

    explanation: str
    spread: str
    groups: Sequence[Repeated]

    @property
    def name(self) -> str:
        """What is repeated, in the plural."""
        return self.groups[0].plural

    @property
    def title(self) -> str:
        """For readers."""
        return f"Means over several {self.name} by the same settings"

    def grid(self) -> Grid:
        """Header and lines of all numbers."""
        header = self._header()
        for metric in METRICS:
            header += [metric.replace("_", " "), "gain", self.spread, "std error", "verdict"]
        return header, [
            [*_which(each), *(word for metric in METRICS for word in _metric(each, metric))]
            for each in self.groups
        ]

    def narrow_grid(self) -> Grid:
        """As `grid`, for a page of paper: without verdicts."""
        header = self._header()
        for metric in METRICS:
            header += [metric.replace("_", " "), "gain"]
        return header, [
            [*_which(each), *(w for m in METRICS for w in (_score(each, m), _gain(each, m)))]
            for each in self.groups
        ]

    def _header(self) -> list[str]:
        return ["method", "dataset", "IPC", "student", self.name]


def sections(table: Table) -> list[Section]:
    """Those that the table has rows for."""
    found = [
        Section(
            "Sets of a line differ in the seeds of their images alone. Mean over sets of their "
            "students' mean ± sample standard deviation between sets; the gain is over random real "
            "images under the same labels, beside the standard deviation between sets pooled over "
            "both.",
            "pooled std",
            repeated_sets(table),
        ),
        Section(
            "Teachers of a line differ in their seeds alone, and have one or several sets each. "
            "Mean over teachers of their sets' mean ± sample standard deviation between teachers; "
            "the gain is the mean over teachers of what each one's sets gain over random real "
            "images under its labels, beside the standard deviation of these gains.",
            "std of gains",
            repeated_teachers(table),
        ),
    ]
    return [section for section in found if section.groups]


def _which(each: Repeated) -> list[str]:
    row = each.entries[0].row
    found, asked = len(each.values("top1")), each.count
    count = str(asked) if found == asked else f"{found} of {asked}"
    return [each.label, row.dataset, str(row.ipc), row.student, count]


def _metric(each: Repeated, metric: str) -> list[str]:
    if not each.is_compared:
        return [_score(each, metric), "", "", "", ""]
    return [
        _score(each, metric),
        signed(each.gain(metric)),
        unsigned(each.gain_std(metric)),
        unsigned(each.gain_standard_error(metric)),
        each.verdict(metric),
    ]


def _score(each: Repeated, metric: str) -> str:
    mean = each.mean(metric)
    return MISSING if mean is None else f"{mean:.1f} ± {unsigned(each.std(metric))}"


def _gain(each: Repeated, metric: str) -> str:
    if not each.is_compared:
        return ""
    error = each.gain_standard_error(metric)
    brackets = "" if error is None else f" ({error:.1f})"
    return f"{signed(each.gain(metric))} ± {unsigned(each.gain_std(metric))}{brackets}"
