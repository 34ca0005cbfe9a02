"""The grids that a table is shown as: one for each dataset and kind of student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from fd2.config.cells import FULL_DATA
from fd2.reporting.entry import Entry
from fd2.reporting.labels import BASE_VARIANT, row_label

Line = tuple[str, str, str, str]
#: A student's initial weights in a heading.
STARTS = {"scratch": "from scratch", "imagenet": "from ImageNet weights"}


@dataclass(frozen=True)
class Block:
    """One dataset and one kind of student.

    Attributes:
        dataset: its name.
        student: the students' backbone; None where there are full-data entries alone.
        start: the students' initial weights, where the sheet was read with them.
        entries: of these students, and of the teachers to compare them with.
        alone: whether the table has no other block, and so needs no headings.
    """

    dataset: str
    student: str | None
    start: str | None
    entries: tuple[Entry, ...]
    alone: bool

    @cached_property
    def lines(self) -> list[Line]:
        """Method, fd2, variant, student of each line: full data first, then in sheet order."""
        keys = list(dict.fromkeys(entry.key for entry in self.entries))
        return sorted(keys, key=lambda key: key[0] != FULL_DATA)

    @cached_property
    def counts(self) -> list[int | None]:
        """The columns: images per class, rising; None alone if there is only full data."""
        counts = {entry.row.ipc for entry in self.entries if entry.row.ipc is not None}
        return [*sorted(counts)] or [None]

    @property
    def title(self) -> str:
        """``cub200, resnet50 from ImageNet weights, variant imagenet-student``."""
        words = [self.dataset]
        if self.student is not None:
            start = "" if self.start is None else f" {STARTS.get(self.start, self.start)}"
            words.append(self.student + start)
        if self._shared_variant is not None:
            words.append(f"variant {self._shared_variant}")
        return ", ".join(words)

    def label(self, line: Line) -> str:
        """A line's label; the title has the variant where all students of the block share it.

        A label of the sheet stands in place of the variant.
        A full-data line names its teacher where that is another network than the students'.
        """
        method, fd2, variant, student = line
        own = next((entry.row.label for entry in self.entries if entry.key == line), "")
        shown = own or (BASE_VARIANT if variant == self._shared_variant else variant)
        label = row_label(method, fd2, shown)
        networks = {entry.row.student for entry in self.entries}
        return f"{label}, {student}" if method == FULL_DATA and len(networks) > 1 else label

    def entry(self, line: Line, count: int | None) -> Entry | None:
        """The entry at a line and column; a full-data entry stands in every column."""
        return self._index.get((line, None if line[0] == FULL_DATA else count))

    @cached_property
    def _shared_variant(self) -> str | None:
        variants = {entry.row.variant for entry in self.entries if entry.row.ipc is not None}
        shared = len(variants) == 1 and not self.alone and BASE_VARIANT not in variants
        return variants.pop() if shared else None

    @cached_property
    def _index(self) -> dict[tuple[Line, int | None], Entry]:
        return {(entry.key, entry.row.ipc): entry for entry in self.entries}


def split(entries: Sequence[Entry]) -> list[Block]:
    """The blocks of a sheet: datasets, and the students of each, in sheet order.

    A teacher stands with the students of its own network; one without such students stands in
    every block of its dataset.
    """
    kinds: list[tuple[str, str | None, str | None]] = []
    for dataset in dict.fromkeys(entry.row.dataset for entry in entries):
        cells = [e for e in entries if e.row.dataset == dataset and e.row.ipc is not None]
        own = dict.fromkeys((dataset, entry.row.student, entry.start) for entry in cells)
        kinds += own or [(dataset, None, None)]
    return [
        Block(*kind, tuple(e for e in entries if _belongs(e, kind, entries)), len(kinds) == 1)
        for kind in kinds
    ]


def _belongs(
    entry: Entry, kind: tuple[str, str | None, str | None], entries: Sequence[Entry]
) -> bool:
    row = entry.row
    if row.ipc is not None:
        return (row.dataset, row.student, entry.start) == kind
    students = {
        e.row.student for e in entries if e.row.dataset == row.dataset and e.row.ipc is not None
    }
    return row.dataset == kind[0] and (row.student == kind[1] or row.student not in students)
