"""A sheet and the results that exist, as one table of means and spreads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from fd2.artifacts.provenance import same_manifest
from fd2.config.cells import Row, read_sheet, sheet_notes
from fd2.errors import FD2Error
from fd2.reporting.blocks import Block, split
from fd2.reporting.entry import Entry, Key
from fd2.reporting.labels import row_label
from fd2.reporting.results import Result, read_result, sources


@dataclass(frozen=True)
class Table:
    """All entries of a sheet.

    Attributes:
        name: the sheet's name.
        entries: in sheet order.
        seeds: that were asked for.
        notes: the sheet's own, as sentences.
    """

    name: str
    entries: tuple[Entry, ...]
    seeds: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def blocks(self) -> list[Block]:
        """The grids to show; see `fd2.reporting.blocks`."""
        return split(self.entries)

    @property
    def results(self) -> list[Result]:
        """All results that exist."""
        return [result for entry in self.entries for result in entry.results]

    @property
    def missing(self) -> list[Path]:
        """All results that do not."""
        return [path for entry in self.entries for path in entry.missing]

    def entry(self, key: Key, dataset: str, ipc: int | None) -> Entry | None:
        """The entry of a row; for full data ``ipc`` is None."""
        return self._index.get((key, dataset, ipc))

    @cached_property
    def _index(self) -> dict[tuple[Key, str, int | None], Entry]:
        return {(e.key, e.row.dataset, e.row.ipc): e for e in self.entries}


def build_table(
    sheet: Path,
    results: Path,
    seeds: Sequence[int],
    starts: Sequence[str | None] | None = None,
    trainings: Sequence[Mapping[str, Any] | None] | None = None,
    images: Sequence[Mapping[str, Any] | None] | None = None,
) -> Table:
    """Read a sheet and every result of it that exists.

    Args:
        sheet: a csv of ``config/tables``.
        results: the results folder.
        seeds: the students' seeds.
        starts: initial weights of each row's students, in sheet order; they separate columns of
            students that start differently. Without them all stand together.
        trainings: labels and training of each row's students, in sheet order, which tell the rows
            that differ in images alone; see `fd2.config.student_trainings`.
        images: how each row's images are made, in sheet order, which tells the rows that are other
            sets by the same settings; see `fd2.config.image_sets`.

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
    unknown = [None] * len(rows)
    known = zip(
        rows,
        unknown if starts is None else starts,
        unknown if trainings is None else trainings,
        unknown if images is None else images,
        strict=True,
    )
    entries = tuple(
        replace(
            _entry(row, list(seeds), results, str(sheet)),
            start=start,
            training=training,
            images=made,
        )
        for row, start, training, made in known
    )
    for dataset in {row.dataset for row in rows}:
        of_dataset = [entry.results for entry in entries if entry.row.dataset == dataset]
        digests = {str(result.path): result.manifest for some in of_dataset for result in some}
        if digests:
            same_manifest(digests)
    return Table(sheet.stem, entries, tuple(seeds), sheet_notes(sheet))


def _entry(row: Row, seeds: list[int], results: Path, where: str) -> Entry:
    wanted = sources(row, seeds, results)
    return Entry(
        row,
        row_label(row.method, row.fd2, row.label or row.variant, where),
        None,
        tuple(read_result(source) for source in wanted if source.path.is_file()),
        tuple(source.path for source in wanted if not source.path.is_file()),
    )
