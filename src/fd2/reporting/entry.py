"""One row of a sheet with the numbers there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fd2.config.cells import Row
from fd2.reporting.agreement import SPREADS, TEACHER_POINTS, agreement
from fd2.reporting.results import Result
from fd2.reporting.spread import mean, sample_std

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Entry:
    """One row of the sheet with the numbers there are.

    Attributes:
        row: of the sheet.
        label: the method's name for readers.
        start: initial weights that the config gives its students; None for full data, or where
            the sheet was read without the config.
        results: one a seed that has been run.
        missing: paths of the seeds that have not.
        training: see `fd2.config.student_trainings`; None as for ``start``.
        images: see `fd2.config.image_sets`; likewise.
    """

    row: Row
    label: str
    start: str | None
    results: tuple[Result, ...]
    missing: tuple[Path, ...]
    training: Mapping[str, Any] | None = None
    images: Mapping[str, Any] | None = None

    @property
    def key(self) -> Key:
        """What makes a line of a grid: method, fd2, variant, student."""
        return (self.row.method, self.row.fd2, self.row.variant, self.row.student)

    @property
    def asked(self) -> int:
        """Number of results that were asked for."""
        return len(self.results) + len(self.missing)

    def mean(self, metric: str) -> float | None:
        """Mean over seeds in percent; None without results."""
        return mean(self.values(metric))

    def std(self, metric: str) -> float | None:
        """Sample standard deviation over seeds; None below two results, which is not zero."""
        return sample_std(self.values(metric))

    @property
    def tolerance(self) -> float | None:
        """How far a published top-1 may lie from ours and agree; see `fd2.reporting.agreement`."""
        if self.row.ipc is None:
            return TEACHER_POINTS
        std = self.std("top1")
        return None if std is None else SPREADS * std

    def difference(self, position: int = 0) -> float | None:
        """Mean top-1 minus a published number, where both exist.

        Args:
            position: 0 for the table's own number, 1 for one printed elsewhere.
        """
        ours, published = self.mean("top1"), self.row.published
        return None if ours is None or position >= len(published) else ours - published[position]

    def agreement(self, position: int = 0) -> str:
        """The verdict on a published number; empty where one of the two is missing."""
        return agreement(self.difference(position), self.tolerance)

    def values(self, metric: str) -> list[float]:
        """One number a result, in percent."""
        return [getattr(result, metric) for result in self.results]
