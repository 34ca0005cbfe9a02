"""Rows that are other sets by the same settings: what their images are worth on average."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from fd2.config.cells import FULL_DATA
from fd2.reporting.entry import Entry
from fd2.reporting.gains import RANDOM
from fd2.reporting.repeated import Repeated
from fd2.reporting.sampling_error import Shares, scaled, shares
from fd2.reporting.spread import pooled_std
from fd2.reporting.table import Table


@dataclass(frozen=True)
class RepeatedSet(Repeated):
    """Rows whose settings differ in the seeds of their images alone.

    Attributes:
        sets: the row of each, in sheet order.
        random: random real images of the same number under the same labels, with students that
            are trained alike; None where the table has none, and for these themselves.
    """

    plural = "sets"
    alone = "one set each"

    sets: tuple[Entry, ...]
    random: RepeatedSet | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The rows of all sets."""
        return self.sets

    @property
    def count(self) -> int:
        """Number of sets that the table asks for."""
        return len(self.sets)

    @property
    def is_compared(self) -> bool:
        """Whether there are random images to compare with."""
        return self.random is not None

    def values(self, metric: str) -> list[float]:
        """The students' mean of each set that has results, in percent."""
        means = (entry.mean(metric) for entry in self.entries)
        return [mean for mean in means if mean is not None]

    def gain(self, metric: str) -> float | None:
        """The mean minus that of random real images, in percentage points."""
        own = self.mean(metric)
        reference = None if self.random is None else self.random.mean(metric)
        return None if own is None or reference is None else own - reference

    def gain_std(self, metric: str) -> float | None:
        """Standard deviation between sets, pooled over both; None without repeated sets."""
        if self.random is None:
            return None
        return pooled_std(self.values(metric), self.random.values(metric))

    def gain_shares(self) -> Shares:
        """Students of a set share its part; a set counts as much as another."""
        own, random = self._shares(), [] if self.random is None else self.random._shares()
        return [*own, *scaled(random, -1)] if own and random else []

    def _shares(self) -> Shares:
        sets = [entry.results for entry in self.entries if entry.results]
        return [pair for results in sets for pair in shares(results, 1 / len(sets))]


def repeated_sets(table: Table) -> list[RepeatedSet]:
    """The rows of which the table has several sets, in the order of the first of each.

    A row that stands alone is left out, but random images are compared with also where the table
    has one set of them. A table that was read without the config knows no settings and has none.
    """
    return [each for each in sets_by_settings(table) if len(each.entries) > 1]


def sets_by_settings(table: Table) -> list[RepeatedSet]:
    """As `repeated_sets`, with the rows that stand alone."""
    groups = _groups(table.entries)
    random = {
        _key(group[0], images=False): RepeatedSet(group)
        for group in reversed(groups)
        if group[0].row.method == RANDOM
    }
    return [
        RepeatedSet(
            group,
            None if group[0].row.method == RANDOM else random.get(_key(group[0], images=False)),
        )
        for group in groups
    ]


def _groups(entries: Sequence[Entry]) -> list[tuple[Entry, ...]]:
    groups: dict[tuple[object, ...], dict[str, Entry]] = {}
    for entry in entries:
        if entry.row.method == FULL_DATA or entry.training is None or entry.images is None:
            continue
        # Another row by the same seeds too is the same set, not one more.
        sets = groups.setdefault(_key(entry, images=True), {})
        sets.setdefault(json.dumps(entry.images["seeds"]), entry)
    return [tuple(sets.values()) for sets in groups.values()]


def _key(entry: Entry, images: bool) -> tuple[object, ...]:
    """What two sets of one group share; with ``images`` also how the images are made."""
    assert entry.training is not None and entry.images is not None
    row = entry.row
    made = (row.method, row.fd2, entry.images["recipe"]) if images else ()
    return (
        row.dataset,
        row.ipc,
        row.student,
        entry.training["labels"],
        entry.training["training"],
        *made,
    )
