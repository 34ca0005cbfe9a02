"""Whether FD² moved a number by more than the seeds do."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fd2.config.cells import FULL_DATA
from fd2.reporting.entry import Entry
from fd2.reporting.labels import BASE_VARIANT
from fd2.reporting.table import Table


@dataclass(frozen=True)
class Difference:
    """A row with FD² against the same row without.

    Attributes:
        fd2: the entry with FD².
        plain: its partner: of the same variant, or of ``base`` where the variant concerns FD²
            alone.
    """

    fd2: Entry
    plain: Entry

    def value(self, metric: str) -> float | None:
        """Mean with FD² minus mean without, in percentage points."""
        with_fd2, without = self.fd2.mean(metric), self.plain.mean(metric)
        return None if with_fd2 is None or without is None else with_fd2 - without

    def pooled_std(self, metric: str) -> float | None:
        """Standard deviation over seeds, pooled over both rows; None without repeated seeds."""
        counts = [len(entry.results) for entry in (self.fd2, self.plain)]
        freedom = sum(counts) - 2
        if min(counts) < 1 or freedom < 1:
            return None
        squares = sum(
            (count - 1) * (entry.std(metric) or 0.0) ** 2
            for count, entry in zip(counts, (self.fd2, self.plain), strict=True)
        )
        return math.sqrt(squares / freedom)

    def verdict(self, metric: str) -> str:
        """The comparison in words."""
        value, spread = self.value(metric), self.pooled_std(metric)
        if value is None:
            return "missing"
        if spread is None:
            return "one seed each: the spread is unknown"
        if abs(value) > spread:
            return "exceeds the spread over seeds"
        return "within the spread over seeds"


def differences(table: Table) -> list[Difference]:
    """All pairs of a table, in sheet order."""
    pairs = []
    for entry in table.entries:
        method, fd2, variant, student = entry.key
        if method == FULL_DATA or fd2 != "fd2":
            continue
        partners = [
            table.entry((method, "plain", name, student), entry.row.dataset, entry.row.ipc)
            for name in (variant, BASE_VARIANT)
        ]
        plain = next((partner for partner in partners if partner is not None), None)
        if plain is not None:
            pairs.append(Difference(entry, plain))
    return pairs
