"""Sheets: csv files of ``config/tables`` whose lines are the rows of one table each."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from fd2.config.names import FD2, FULL_DATA
from fd2.config.rows import KINDS, OPTIONAL, SheetRow
from fd2.errors import FD2Error

_KIND = re.compile(r"# *kind: *(\S*)$")
RowT = TypeVar("RowT", bound=SheetRow)


@dataclass(frozen=True)
class Sheet:
    """The rows of one table.

    Attributes:
        path: the csv file.
        kind: one of `KINDS`; a line ``# kind: teachers`` before the header says it, and students
            need none.
        rows: in the file's order, all of one kind.
        notes: other lines that begin with ``#``: what a reader of the table must know.
    """

    path: Path
    kind: str
    rows: tuple[SheetRow, ...]
    notes: tuple[str, ...]

    def rows_of(self, kind: type[RowT]) -> list[RowT]:
        """The rows if they are of a kind, otherwise none."""
        return [row for row in self.rows if isinstance(row, kind)]

    def sources(self, seeds: list[int]) -> list[str]:
        """Paths below the results folder of the files that fill the table.

        Args:
            seeds: the students'.
        """
        return [path for row in self.rows for path in row.sources(seeds)]


def read_sheet(path: Path) -> Sheet:
    """Read a sheet.

    Args:
        path: its columns are the fields of its rows, in their order; optional ones may be left out.

    Raises:
        FD2Error: if there is no such sheet (names those that there are), the header does not fit
            the kind, or a value cannot be read; with the line.
    """
    if not path.is_file():
        have = ", ".join(sorted(p.stem for p in path.parent.glob("*.csv"))) or "none"
        raise FD2Error(
            f"no sheet for table '{path.stem}'", str(path), f"sheets that are there: {have}"
        )
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    kind = next((found[1] for line in comments if (found := _KIND.match(line))), "students")
    if kind not in KINDS:
        raise FD2Error(f"unknown kind of sheet '{kind}'", str(path), f"allowed: {', '.join(KINDS)}")
    table = [
        (f"{path}, line {number}", line)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith("#")
    ]
    header = _header(path, kind, table[0][1] if table else "")
    rows = [_row(kind, header, line, where) for where, line in table[1:]]
    notes = [line.lstrip("# ").rstrip() for line in comments if not _KIND.match(line)]
    return Sheet(path, kind, tuple(rows), tuple(notes))


def _header(path: Path, kind: str, line: str) -> list[str]:
    names = [field.name for field in fields(KINDS[kind])]
    header = line.split(",")
    optional = OPTIONAL.get(kind, ())
    if header == names or header == [name for name in names if name not in optional]:
        return header
    left_out = f", {' and '.join(optional)} may be left out" if optional else ""
    raise FD2Error(
        f"header '{line}' in a sheet of kind '{kind}'",
        str(path),
        f"its columns are {','.join(names)}{left_out}; another kind is told by a first line "
        f"'# kind: ...' with one of {', '.join(KINDS)}",
    )


def _row(kind: str, header: list[str], line: str, where: str) -> SheetRow:
    try:
        # Read by itself, so that a value with a line break in it is refused with its first line.
        (texts,) = csv.reader([line], strict=True)
    except csv.Error as error:
        raise FD2Error(
            f"not a line of csv: {error}", where, "write each row in one line"
        ) from error
    if len(texts) != len(header):
        raise FD2Error(f"{len(texts)} values", where, f"write {len(header)}, one a column")
    values = dict(zip(header, texts, strict=True))
    full = values.get("method") == FULL_DATA
    if full and "ipc" in values:
        values["ipc"] = ""
    # Counterfactual attention tells two teachers apart, but real images have no FD².
    allowed = ("plain",) if full and kind == "diagnostics" else FD2
    if "fd2" in values and values["fd2"] not in allowed:
        raise FD2Error(f"fd2 is '{values['fd2']}'", where, f"allowed: {', '.join(allowed)}")
    types = get_type_hints(KINDS[kind])
    typed: dict[str, Any] = {
        name: _READ[types[name]](text, f"{where}, column {name}") for name, text in values.items()
    }
    if not full and typed.get("ipc", 1) is None:
        raise FD2Error("no images per class", where, "give 'ipc', or the method 'full'")
    return KINDS[kind](**typed)


def _numbers(text: str, where: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(";")) if text else ()
    except ValueError as error:
        raise FD2Error(
            f"not a number: {error}", where, "a published number, two joined by ';', or nothing"
        ) from error
    if len(numbers) > 2:
        raise FD2Error(f"{len(numbers)} published numbers", where, "give at most two")
    return numbers


def _number(text: str, where: str) -> float | None:
    numbers = _numbers(text, where)
    if len(numbers) > 1:
        raise FD2Error(f"{len(numbers)} published numbers", where, "give at most one")
    return numbers[0] if numbers else None


def _count(text: str, where: str) -> int:
    if not text.isdecimal():
        raise FD2Error(f"not a number: '{text}'", where, "images per class are a whole number")
    if int(text) < 1:
        raise FD2Error(f"ipc {text}", where, "give at least 1 image per class")
    return int(text)


#: From a value's text, by the type of its field.
_READ: dict[object, Callable[[str, str], object]] = {
    str: lambda text, where: text,
    int: _count,
    int | None: lambda text, where: _count(text, where) if text else None,
    float | None: _number,
    tuple[float, ...]: _numbers,
}
