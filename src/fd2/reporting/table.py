"""A sheet and the results that exist, as one table of means and spreads."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fd2.artifacts.provenance import same_manifest
from fd2.config.cells import FULL_DATA, Row, read_sheet
from fd2.errors import FD2Error
from fd2.reporting.labels import row_label
from fd2.reporting.results import Result, read_result, sources

Key = tuple[str, str, str, str]
Column = tuple[str, int | None]


@dataclass(frozen=True)
class Entry:
    """One row of the sheet with the numbers there are.

    Attributes:
        row: of the sheet.
        label: the method's name for readers.
        results: one a seed that has been run.
        missing: paths of the seeds that have not.
    """

    row: Row
    label: str
    results: tuple[Result, ...]
    missing: tuple[Path, ...]

    @property
    def key(self) -> Key:
        """What makes a line of the table: method, fd2, variant, student."""
        return (self.row.method, self.row.fd2, self.row.variant, self.row.student)

    @property
    def asked(self) -> int:
        """Number of results that were asked for."""
        return len(self.results) + len(self.missing)

    def mean(self, metric: str) -> float | None:
        """Mean over seeds in percent; None without results."""
        return statistics.fmean(self._values(metric)) if self.results else None

    def std(self, metric: str) -> float | None:
        """Sample standard deviation over seeds; None below two results, which is not zero."""
        return statistics.stdev(self._values(metric)) if len(self.results) > 1 else None

    def difference(self) -> float | None:
        """Mean top-1 minus the published number, where both exist."""
        mean, published = self.mean("top1"), self.row.published
        return None if mean is None or published is None else mean - published

    def _values(self, metric: str) -> list[float]:
        return [getattr(result, metric) for result in self.results]


@dataclass(frozen=True)
class Table:
    """All entries of a sheet.

    Attributes:
        name: the sheet's name.
        entries: in sheet order.
        seeds: that were asked for.
    """

    name: str
    entries: tuple[Entry, ...]
    seeds: tuple[int, ...]

    @cached_property
    def lines(self) -> list[Key]:
        """The table's lines: full data first, then in sheet order."""
        keys = list(dict.fromkeys(entry.key for entry in self.entries))
        return sorted(keys, key=lambda key: key[0] != FULL_DATA)

    @cached_property
    def columns(self) -> list[Column]:
        """(dataset, IPC) by dataset in sheet order, IPC rising; None if it has only full data."""
        columns: list[Column] = []
        for dataset in dict.fromkeys(entry.row.dataset for entry in self.entries):
            rows = [entry.row for entry in self.entries if entry.row.dataset == dataset]
            counts = sorted({row.ipc for row in rows if row.ipc is not None})
            columns += [(dataset, count) for count in counts] or [(dataset, None)]
        return columns

    @property
    def results(self) -> list[Result]:
        """All results that exist."""
        return [result for entry in self.entries for result in entry.results]

    @property
    def missing(self) -> list[Path]:
        """All results that do not."""
        return [path for entry in self.entries for path in entry.missing]

    def label(self, key: Key) -> str:
        """A line's label, with the network's name where that is needed to tell lines apart.

        A full-data line names its teacher as soon as any other network occurs in the table.
        """
        label = next(entry.label for entry in self.entries if entry.key == key)
        full = key[0] == FULL_DATA
        names = {e.row.student for e in self.entries if full or e.row.method != FULL_DATA}
        return f"{label}, {key[3]}" if len(names) > 1 else label

    def entry(self, key: Key, dataset: str, ipc: int | None) -> Entry | None:
        """The entry at a line and column; for a full-data line ``ipc`` is None."""
        return self._index.get((key, dataset, ipc))

    @cached_property
    def _index(self) -> dict[tuple[Key, str, int | None], Entry]:
        return {(e.key, e.row.dataset, e.row.ipc): e for e in self.entries}


def build_table(sheet: Path, results: Path, seeds: Sequence[int]) -> Table:
    """Read a sheet and every result of it that exists.

    Args:
        sheet: a csv of ``config/tables``.
        results: the results folder.
        seeds: the students' seeds.

    Raises:
        FD2Error: for a faulty sheet, a row given twice, a damaged result, or results of one
            dataset that were made from different data.
    """
    rows = read_sheet(sheet)
    if not rows:
        raise FD2Error("the sheet has no rows", str(sheet), "add a row or take it off 'tables'")
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        name = (row.dataset, row.method, row.fd2, row.variant, row.ipc, row.student)
        if name in seen:
            words = ",".join("" if word is None else str(word) for word in name)
            raise FD2Error(f"row given twice: {words}", str(sheet), "delete one of the two")
        seen.add(name)
    entries = tuple(_entry(row, list(seeds), results, str(sheet)) for row in rows)
    for dataset in {row.dataset for row in rows}:
        of_dataset = [entry.results for entry in entries if entry.row.dataset == dataset]
        digests = {str(result.path): result.manifest for some in of_dataset for result in some}
        if digests:
            same_manifest(digests)
    return Table(sheet.stem, entries, tuple(seeds))


def _entry(row: Row, seeds: list[int], results: Path, place: str) -> Entry:
    wanted = sources(row, seeds, results)
    return Entry(
        row,
        row_label(row.method, row.fd2, row.variant, place),
        tuple(read_result(source) for source in wanted if source.path.is_file()),
        tuple(source.path for source in wanted if not source.path.is_file()),
    )
