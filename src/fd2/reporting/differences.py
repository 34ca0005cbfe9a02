"""Whether FD², or a variant of it, moved a number by more than the seeds do."""

from __future__ import annotations

from dataclasses import dataclass

from fd2.config.cells import FULL_DATA
from fd2.reporting.entry import Entry
from fd2.reporting.labels import BASE_VARIANT
from fd2.reporting.sampling_error import shares, standard_error
from fd2.reporting.spread import pooled_std
from fd2.reporting.table import Table


@dataclass(frozen=True)
class Difference:
    """A row against another of the same dataset, images per class and student.

    Attributes:
        entry: the row.
        reference: what it is compared with.
    """

    entry: Entry
    reference: Entry

    def value(self, metric: str) -> float | None:
        """The row's mean minus the reference's, in percentage points."""
        mean, reference = self.entry.mean(metric), self.reference.mean(metric)
        return None if mean is None or reference is None else mean - reference

    def pooled_std(self, metric: str) -> float | None:
        """Standard deviation over seeds, pooled over both rows; None without repeated seeds."""
        return pooled_std(self.entry.values(metric), self.reference.values(metric))

    def standard_error(self, metric: str) -> float | None:
        """Of the difference by the draw of the test images; see `standard_error`."""
        if self.value(metric) is None:
            return None
        both = [*shares(self.entry.results), *shares(self.reference.results, -1)]
        return standard_error(both, metric)

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
    """Each row with FD² against the row without, in sheet order.

    The partner is of the same variant, or of ``base`` where the variant concerns FD² alone or
    changes seeds: without FD², its images, labels and students would be those of ``base``. A table
    that was read without the config cannot tell and takes ``base``.
    """
    pairs = []
    for entry in table.entries:
        method, fd2, variant, _ = entry.key
        if method == FULL_DATA or fd2 != "fd2":
            continue
        plain = _partner(table, entry, "plain", variant)
        if plain is None:
            base = _partner(table, entry, "plain", BASE_VARIANT)
            plain = base if base is not None and _alike_without_fd2(entry, base) else None
        if plain is not None:
            pairs.append(Difference(entry, plain))
    return pairs


def _alike_without_fd2(entry: Entry, base: Entry) -> bool:
    pairs = ((entry.training, base.training), (entry.images, base.images))
    return all(
        own is None or other is None or own["without_fd2"] == other["without_fd2"]
        for own, other in pairs
    )


def variant_differences(table: Table) -> list[Difference]:
    """Each labelled row of a variant against ``base``, in sheet order: what an ablation changes."""
    pairs = []
    for entry in table.entries:
        if entry.row.method == FULL_DATA or not entry.row.label:
            continue
        base = _partner(table, entry, entry.row.fd2, BASE_VARIANT)
        if base is not None and base is not entry:
            pairs.append(Difference(entry, base))
    return pairs


def _partner(table: Table, entry: Entry, fd2: str, variant: str) -> Entry | None:
    method, _, _, student = entry.key
    return table.entry((method, fd2, variant, student), entry.row.dataset, entry.row.ipc)
