"""Sets whose teachers differ in their seeds alone: whether a gain holds for other teachers."""

from __future__ import annotations

import json
from dataclasses import dataclass

from fd2.reporting.entry import Entry
from fd2.reporting.repeated import Repeated
from fd2.reporting.repeated_sets import RepeatedSet, sets_by_settings
from fd2.reporting.sampling_error import Shares, scaled
from fd2.reporting.spread import mean, sample_std
from fd2.reporting.table import Table


@dataclass(frozen=True)
class RepeatedTeacher(Repeated):
    """Sets of several teachers whose settings differ in seeds alone.

    Attributes:
        teachers: the sets of each, with the random images under its labels; in sheet order.
    """

    plural = "teachers"
    alone = "one teacher"

    teachers: tuple[RepeatedSet, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The rows of all teachers."""
        return tuple(entry for sets in self.teachers for entry in sets.entries)

    @property
    def count(self) -> int:
        """Number of teachers that the table asks for."""
        return len(self.teachers)

    @property
    def is_compared(self) -> bool:
        """Whether there are random images to compare with."""
        return any(sets.is_compared for sets in self.teachers)

    def values(self, metric: str) -> list[float]:
        """The mean of each teacher that has results, in percent."""
        means = (sets.mean(metric) for sets in self.teachers)
        return [mean for mean in means if mean is not None]

    def gains(self, metric: str) -> list[float]:
        """Each teacher's gain over random real images under its own labels, where there is one."""
        gains = (sets.gain(metric) for sets in self.teachers)
        return [gain for gain in gains if gain is not None]

    def gain(self, metric: str) -> float | None:
        """Mean of the teachers' gains, in percentage points."""
        return mean(self.gains(metric))

    def gain_std(self, metric: str) -> float | None:
        """Sample standard deviation of the gains between teachers.

        Not pooled over both rows: a teacher labels the random images it is compared with, so what
        its labels are worth is in both.
        """
        return sample_std(self.gains(metric))

    def gain_shares(self) -> Shares:
        """A teacher counts as much as another."""
        found = [some for sets in self.teachers if (some := sets.gain_shares())]
        return [pair for some in found for pair in scaled(some, 1 / len(found))]


def repeated_teachers(table: Table) -> list[RepeatedTeacher]:
    """The rows of which the table has several teachers, in the order of the first of each.

    A table that was read without the config knows no settings and has none.
    """
    groups: dict[tuple[object, ...], dict[str, RepeatedSet]] = {}
    for sets in sets_by_settings(table):
        first = sets.entries[0]
        # Another variant that trains a teacher with the same seed has the same teacher.
        groups.setdefault(_key(first), {}).setdefault(_seeds(first), sets)
    return [RepeatedTeacher(tuple(each.values())) for each in groups.values() if len(each) > 1]


def _key(entry: Entry) -> tuple[object, ...]:
    assert entry.training is not None and entry.images is not None
    row = entry.row
    return (
        *(row.dataset, row.ipc, row.student, row.method, row.fd2),
        *(entry.training["labels_of_any_seed"], entry.training["training"]),
        entry.images["recipe_of_any_seed"],
    )


def _seeds(entry: Entry) -> str:
    assert entry.training is not None and entry.images is not None
    return json.dumps([entry.training["teacher_seeds"], entry.images["teacher_seeds"]])
