"""Sheets: csv files of ``config/tables`` whose lines are the rows of one table each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from fd2.config.names import FD2, FULL_DATA
from fd2.config.rows import KINDS, SheetRow
from fd2.config.texts import CsvText, named
from fd2.config.validation import LARGEST_NUMBER
from fd2.errors import FD2Error, shown, suggest

_KIND = re.compile(r"# *kind: *(.*?) *$")
RowT = TypeVar("RowT", bound=SheetRow)


@dataclass(frozen=True)
class Sheet:
    """The rows of one table.

    Attributes:
        path: the csv file.
        kind: one of `KINDS`; a line ``# kind: teachers`` before the header says it, and students
            need none.
        rows: in the file's order, all of one kind.
        notes: other lines that begin with ``#``: what a reader of the table must know. Those with
            ``##`` are for who edits the sheet, and left out.
        lines: each row's number in the file, from 1.
    """

    path: Path
    kind: str
    rows: tuple[SheetRow, ...]
    notes: tuple[str, ...]
    lines: tuple[int, ...]

    def where(self, position: int) -> str:
        """The line of a row, for a message."""
        return f"{named(self.path)}, line {self.lines[position]}"

    def rows_of(self, kind: type[RowT]) -> list[RowT]:
        """The rows if they are of a kind, otherwise none."""
        return [row for row in self.rows if isinstance(row, kind)]

    def sources(self, seeds: list[int]) -> list[str]:
        """Paths below the results folder of the files that fill the table.

        Args:
            seeds: the students'.
        """
        return [path for row in self.rows for path in row.sources(seeds)]


def read_sheet(path: Path, asked: str = "") -> Sheet:
    """Read a sheet.

    Args:
        path: its columns are the fields of its rows; those with a default may be left out.
        asked: where a sheet that is not there was asked for, for the error.

    Raises:
        FD2Error: if there is no such sheet (names those that there are), it has no rows, its header
            does not fit the kind, a value cannot be read, or a row stands twice; with the line.
    """
    if not path.is_file():
        have = sorted(sheet.stem for sheet in path.parent.glob("*.csv"))
        what = f"no sheet for table {shown(path.stem)}"
        fix = f"write it, or name one that is there; {suggest(path.stem, have)}"
        raise FD2Error(what, named(path) + asked, fix)
    text = CsvText.read(path)
    kind = next((found[1] for line in text.comments if (found := _KIND.match(line))), "students")
    if kind not in KINDS:
        fix = suggest(kind, KINDS)
        raise FD2Error(f"unknown kind of sheet {shown(kind)}", named(path), fix)
    columns = fields(KINDS[kind])
    optional = [column.name for column in columns if column.default is not MISSING]
    names, what = [column.name for column in columns], f"a sheet of kind '{kind}'"
    hint = f"another kind is told by a first line '# kind: ...' with one of {', '.join(KINDS)}"
    lines = text.rows(names, optional, what, hint)
    types = get_type_hints(KINDS[kind])
    rows = [_row(kind, types, values, text.where(number)) for number, values in lines]
    if not rows:
        fix = "write a row, or take the table off its list"
        raise FD2Error("the sheet has no rows", named(path), fix)
    told = [line for line in text.comments if not _KIND.match(line) and not line.startswith("##")]
    notes = [line.lstrip("# ").rstrip() for line in told]
    sheet = Sheet(path, kind, tuple(rows), tuple(notes), tuple(number for number, _ in lines))
    _require_once(sheet)
    return sheet


def _require_once(sheet: Sheet) -> None:
    """Refuse two rows that differ in nothing but their published numbers and labels."""
    first_of: dict[tuple[object, ...], int] = {}
    for position, row in enumerate(sheet.rows):
        names = [name for name in vars(row) if not name.startswith("published") and name != "label"]
        first = first_of.setdefault(tuple(vars(row)[name] for name in names), position)
        if first != position:
            where = f"{sheet.where(first)} and line {sheet.lines[position]}"
            raise FD2Error("a row stands twice", where, "delete one of the two")


def _row(kind: str, types: Mapping[str, object], values: Mapping[str, str], where: str) -> SheetRow:
    full = values.get("method") == FULL_DATA
    if full and values.get("ipc"):
        fix = f"leave 'ipc' empty: '{FULL_DATA}' is all training images"
        raise FD2Error(f"ipc {shown(values['ipc'])} of method '{FULL_DATA}'", where, fix)
    # Counterfactual attention tells two teachers apart, but real images have no FD².
    allowed = ("plain",) if full and kind in ("diagnostics", "detection") else FD2
    if "fd2" in values and values["fd2"] not in allowed:
        raise FD2Error(f"fd2 is {shown(values['fd2'])}", where, suggest(values["fd2"], allowed))
    typed: dict[str, Any] = {
        name: _READ[types[name]](text, f"{where}, column {name}") for name, text in values.items()
    }
    if not full and typed.get("ipc", 1) is None:
        raise FD2Error("no images per class", where, "give 'ipc', or the method 'full'")
    return KINDS[kind](**typed)


def _accuracies(text: str, where: str) -> tuple[float, ...]:
    numbers = tuple(_number(part, where) for part in text.split(";")) if text else ()
    if len(numbers) > 2:
        raise FD2Error(f"{len(numbers)} published numbers", where, "give at most two")
    for number in numbers:
        if number > 100:
            raise FD2Error(f"an accuracy of {number:g}", where, "give percent, from 0 to 100")
    return numbers


def _quantity(text: str, where: str) -> float | None:
    return _number(text, where) if text else None


def _number(text: str, where: str) -> float:
    """A finite number from 0."""
    try:
        number = float(text)
    except ValueError as error:
        near = re.search(r"[0-9]+(?:[.,][0-9]+)?", text)
        write = f", such as {near[0].replace(',', '.')}" if near else ""
        fix = f"write one number with a point{write}, or nothing"
        raise FD2Error(f"not a number: {shown(text)}", where, fix) from error
    if not 0 <= number <= LARGEST_NUMBER:  # False for NaN.
        raise FD2Error(f"the number {text}", where, "write a finite number that is not negative")
    return number


def _count(text: str, where: str) -> int:
    if not re.fullmatch("[0-9]+", text):
        whole = re.fullmatch(r"([0-9]+)[.,]0*", text)
        fix = "a whole number is needed" + (f": write {whole[1]}" if whole else "")
        raise FD2Error(f"not a number: {shown(text)}", where, fix)
    if not 1 <= float(text) <= LARGEST_NUMBER:
        column = where.rpartition(" ")[2]
        raise FD2Error(f"{column} {shown(text)[1:-1]}", where, "give at least 1")
    return int(text)


#: From a value's text, by the type of its field.
_READ: dict[object, Callable[[str, str], object]] = {
    str: lambda text, where: text,
    int: _count,
    int | None: lambda text, where: _count(text, where) if text else None,
    float | None: _quantity,
    tuple[float, ...]: _accuracies,
}
