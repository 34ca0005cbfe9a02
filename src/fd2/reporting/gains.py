"""What each distilled set gained over as many random real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fd2.config.cells import FULL_DATA
from fd2.reporting.differences import Difference
from fd2.reporting.entry import Entry
from fd2.reporting.labels import BASE_VARIANT
from fd2.reporting.table import Table

RANDOM = "random"


@dataclass(frozen=True)
class Gain(Difference):
    """A distilled set's row against random real images of the same number.

    Attributes:
        same_labels: whether the settings of both rows' labels are the same, teachers included.
        same_training: whether their students are trained alike.
    """

    same_labels: bool
    same_training: bool

    @property
    def whose(self) -> str:
        """Who labelled the random images."""
        training = self.reference.training
        teachers = [] if training is None else training["teachers"]
        if not teachers:
            return "hard ones"
        return f"those of the plain teacher{'s' * (len(teachers) > 1)} {' and '.join(teachers)}"


def gains(table: Table) -> list[Gain]:
    """Each row but full data and random images against random images, in sheet order.

    Dataset, images per class and student are alike. A row is compared with the random images whose
    labels, and if there are several whose students' training, have the same settings; where the
    table has none, with those of ``base`` without FD². A table that was read without the config
    knows no settings and has no gains.
    """
    pairs = []
    for entry in table.entries:
        if entry.row.method in (FULL_DATA, RANDOM) or entry.training is None:
            continue
        if (gain := _gain(entry, table.entries)) is not None:
            pairs.append(gain)
    return pairs


def _gain(entry: Entry, entries: Sequence[Entry]) -> Gain | None:
    row = entry.row
    partners = [
        Gain(entry, other, _same(entry, other, "labels"), _same(entry, other, "training"))
        for other in entries
        if other.row.method == RANDOM
        and (other.row.dataset, other.row.ipc, other.row.student)
        == (row.dataset, row.ipc, row.student)
    ]
    alike = [gain for gain in partners if gain.same_labels]
    if alike:
        # max keeps the first of equal ones: the sheet's order decides.
        return max(alike, key=lambda gain: gain.same_training)
    return next(
        (
            gain
            for gain in partners
            if (gain.reference.row.fd2, gain.reference.row.variant) == ("plain", BASE_VARIANT)
        ),
        None,
    )


def _same(entry: Entry, other: Entry, key: str) -> bool:
    assert entry.training is not None
    return other.training is not None and entry.training[key] == other.training[key]
