"""A cell is one number of one table, and its path is its name."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from fd2.errors import FD2Error

COLUMNS = ("dataset", "method", "fd2", "variant", "ipc", "student", "published")
LABELLED_COLUMNS = (*COLUMNS, "label")
FULL_DATA = "full"


@dataclass(frozen=True, order=True)
class Cell:
    """One student trained once on one distilled set.

    Attributes:
        dataset, method, variant, student: names from the config and the plug-in folders.
        fd2: ``plain`` or ``fd2``.
        ipc: images per class.
        seed: the student's seed.
    """

    dataset: str
    method: str
    fd2: str
    variant: str
    ipc: int
    student: str
    seed: int

    def path(self) -> str:
        """The cell's path below the results folder."""
        return (
            f"students/{self.dataset}/{self.method}/{self.fd2}/{self.variant}/"
            f"ipc{self.ipc}/{self.student}/seed{self.seed}.json"
        )


@dataclass(frozen=True)
class Row:
    """One line of a table's sheet: the cells of all seeds, and the published numbers if any.

    ``method`` may be ``full``: the teacher ``student`` trained on all data (``fd2`` tells with or
    without counterfactual attention); then ``ipc`` is None. ``published`` holds at most two
    numbers: the table's own, and another that its source prints elsewhere for the same cell.
    ``label`` says what an ablation's row tries, e.g. ``ρ = 0.1``; empty for other rows.
    """

    dataset: str
    method: str
    fd2: str
    variant: str
    ipc: int | None
    student: str
    published: tuple[float, ...]
    label: str = ""

    def cells(self, seeds: list[int]) -> list[Cell]:
        """The row's cells, one a seed; none for a full-data row."""
        if self.ipc is None:
            return []
        return [
            Cell(self.dataset, self.method, self.fd2, self.variant, self.ipc, self.student, seed)
            for seed in seeds
        ]

    def sources(self, seeds: list[int]) -> list[str]:
        """Paths below the results folder of the files that hold this row's numbers."""
        if self.ipc is None:
            training = "cal" if self.fd2 == "fd2" else "plain"
            return [f"teachers/{self.dataset}/{self.student}/{training}.json"]
        return [cell.path() for cell in self.cells(seeds)]


def read_sheet(path: Path) -> list[Row]:
    """Read a table's sheet.

    Args:
        path: a csv file with the columns `COLUMNS`, or `LABELLED_COLUMNS`; ``published`` may be
            empty, or two numbers joined by ``;``.

    Raises:
        FD2Error: a missing file or column, or a value that cannot be read, with the line.
    """
    lines = sheet_lines(path, COLUMNS, LABELLED_COLUMNS)
    return [_row(values, where) for where, values in lines]


def sheet_header(path: Path) -> tuple[str, ...]:
    """The names of a sheet's columns.

    Raises:
        FD2Error: if there is no such sheet; names those that are there.
    """
    if not path.is_file():
        have = ", ".join(sorted(p.stem for p in path.parent.glob("*.csv"))) or "none"
        raise FD2Error(
            f"no sheet for table '{path.stem}'", str(path), f"sheets that are there: {have}"
        )
    return tuple(next(csv.reader(_numbered(path).values()), ()))


def sheet_notes(path: Path) -> tuple[str, ...]:
    """The lines of a sheet that begin with ``#``: what a reader of the table must know."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(line.lstrip("# ").rstrip() for line in lines if line.startswith("#"))


def sheet_lines(path: Path, *headers: tuple[str, ...]) -> list[tuple[str, dict[str, str]]]:
    """A sheet's lines by column, each with its place for errors.

    Args:
        path: the csv file; lines that begin with ``#`` are notes.
        headers: what its first other line may be.

    Raises:
        FD2Error: if there is no such sheet, its header is another, or a line has other columns.
    """
    header = sheet_header(path)
    if header not in headers:
        allowed = " or ".join(",".join(columns) for columns in headers)
        raise FD2Error(f"columns {list(header)}", str(path), f"the header must be {allowed}")
    found = []
    for number, line in list(_numbered(path).items())[1:]:
        where = f"{path}, line {number}"
        found.append((where, dict(zip(header, _values(line, len(header), where), strict=True))))
    return found


def _values(line: str, columns: int, where: str) -> list[str]:
    """A line's values; a cell with a line break in it is refused with its first line."""
    try:
        (values,) = csv.reader([line], strict=True)
    except csv.Error as error:
        raise FD2Error(
            f"not a line of csv: {error}", where, "write each row in one line"
        ) from error
    if len(values) != columns:
        raise FD2Error(f"{len(values)} values", where, f"write {columns}, one a column")
    return values


def _numbered(path: Path) -> dict[int, str]:
    """A sheet's lines by their numbers, without notes and empty lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {
        number: line
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith("#")
    }


def published_numbers(text: str, where: str) -> tuple[float, ...]:
    """No, one or two numbers joined by ``;``.

    Raises:
        FD2Error: for anything else.
    """
    try:
        numbers = tuple(float(part) for part in text.split(";")) if text else ()
    except (AttributeError, ValueError) as error:
        raise FD2Error(
            f"not a number: {error}", where, "a published number, two joined by ';', or nothing"
        ) from error
    if len(numbers) > 2:
        raise FD2Error(f"{len(numbers)} published numbers", where, "give at most two")
    return numbers


def _row(values: dict[str, str], where: str) -> Row:
    full = values["method"] == FULL_DATA
    try:
        ipc = None if full else int(values["ipc"])
    except (TypeError, ValueError) as error:
        raise FD2Error(f"not a number: {error}", where, "ipc is a whole number") from error
    if ipc is not None and ipc < 1:
        raise FD2Error(f"ipc {ipc}", where, "give at least 1 image per class")
    if values["fd2"] not in ("plain", "fd2"):
        raise FD2Error(f"fd2 is '{values['fd2']}'", where, "allowed: plain, fd2")
    return Row(
        values["dataset"],
        values["method"],
        values["fd2"],
        values["variant"],
        ipc,
        values["student"],
        published_numbers(values["published"], where),
        values.get("label") or "",
    )
