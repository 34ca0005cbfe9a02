"""Text files that users write, by whatever program: encodings, ends of lines, csv."""

from __future__ import annotations

import csv
import difflib
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from fd2.errors import FD2Error, listing, shown

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
#: What programs put between the columns of a csv file.
_SEPARATORS = ",;\t"


def named(path: str | Path) -> str:
    """A path for a message: as seen from the working directory where it lies below it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else relative


def read_text(path: Path) -> str:
    """A file's text in UTF-8, without a byte order mark, its lines ended as on Unix.

    Raises:
        FD2Error: if there is no such file (names the nearest one), it cannot be read, or it is not
            UTF-8; with the line.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise FD2Error("no such file", named(path), _nearest_file(path)) from error
    except OSError as error:
        fix = "name a file that can be read"
        raise FD2Error(f"cannot read: {error.strerror}", named(path), fix) from error
    convert = f"save it as UTF-8 (in Excel: 'CSV UTF-8'), or: iconv -f %s -t UTF-8 {path}"
    if content.startswith(b"PK"):
        fix = "save it from the spreadsheet as csv (in Excel: 'CSV UTF-8')"
        raise FD2Error("a spreadsheet or an archive, no text", named(path), fix)
    if content.startswith(_UTF16_MARKS) or b"\0" in content:
        raise FD2Error("UTF-16, or no text", named(path), convert % "UTF-16")
    content = content.removeprefix(_BYTE_ORDER_MARK)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = len(re.findall(rb"\r\n|\n|\r", content[: error.start])) + 1
        what = f"not UTF-8: the byte {content[error.start]:#x}"
        raise FD2Error(what, f"{named(path)}, line {line}", convert % "WINDOWS-1252") from error
    return re.sub(r"\r\n?", "\n", text)


def _nearest_file(path: Path) -> str:
    folder = path.absolute().parent
    if not folder.is_dir():
        return f"there is no folder '{named(folder)}' either"
    names = sorted(entry.name for entry in folder.glob(f"[!.]*{path.suffix or '.yaml'}"))
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{named(folder / near[0])}'?"
    return f"name one that is there: {listing(names)}" if names else "check the path"


@dataclass(frozen=True)
class CsvText:
    """A csv file before its columns are known.

    Attributes:
        path: the file.
        comments: lines that begin with ``#``, without what programs add for empty columns.
        lines: the others that are not blank, with their numbers from 1; the first is the header.
    """

    path: Path
    comments: tuple[str, ...]
    lines: tuple[tuple[int, str], ...]

    @classmethod
    def read(cls, path: Path) -> CsvText:
        """Read a file.

        Raises:
            FD2Error: as `read_text`.
        """
        comments, lines = [], []
        for number, line in enumerate(read_text(path).split("\n"), start=1):
            bare = line.strip(" " + _SEPARATORS)
            if bare.lstrip('"').startswith("#"):
                # A program that takes a note for cells may put it in quotes.
                quoted = bare.startswith('"') and bare.endswith('"')
                comments.append(bare[1:-1].replace('""', '"') if quoted else bare)
            elif bare and not re.fullmatch(r'"?sep=."?', line):
                lines.append((number, line))
        return cls(path, tuple(comments), tuple(lines))

    def where(self, number: int) -> str:
        """A line for a message."""
        return f"{named(self.path)}, line {number}"

    def rows(
        self,
        columns: Sequence[str],
        optional: Collection[str] = (),
        what: str = "the file",
        hint: str = "",
    ) -> list[tuple[int, dict[str, str]]]:
        """The rows with their lines' numbers, each value without blanks around it, by its column.

        Columns may be separated by commas, semicolons or tabs, and stand in any order.

        Args:
            columns: their names.
            optional: those that may be left out.
            what: the file, for the error about its header.
            hint: what else may be wrong with a header.

        Raises:
            FD2Error: for an unknown, repeated or missing column, or a row with another number of
                values; with the line.
        """
        number, line = self.lines[0] if self.lines else (1, "")
        headers = [self._cells(number, line, separator) for separator in _SEPARATORS]
        header = max(headers, key=lambda names: len(set(names) & set(columns)))
        separator = _SEPARATORS[headers.index(header)]
        while header and not header[-1]:
            header.pop()
        if reason := _header_fault(header, columns, optional):
            fix = f"its columns are {','.join(columns)}"
            fix += f"; {', '.join(optional)} may be left out" if optional else ""
            what = f"{reason} in the header {shown(line)} of {what}"
            raise FD2Error(what, self.where(number), "; ".join(filter(None, (fix, hint))))
        return [
            (number, self._row(number, self._cells(number, line, separator), header))
            for number, line in self.lines[1:]
        ]

    def _cells(self, number: int, line: str, separator: str) -> list[str]:
        try:
            # By itself, so that a value with a line break in it is refused with its first line.
            (cells,) = csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True)
        except csv.Error as error:
            what, fix = (
                f"not a line of csv: {error}",
                "close the quotes; write each row in one line",
            )
            raise FD2Error(what, self.where(number), fix) from error
        return [cell.strip() for cell in cells]

    def _row(self, number: int, cells: list[str], header: list[str]) -> dict[str, str]:
        while len(cells) > len(header) and not cells[-1]:
            cells.pop()
        if len(cells) != len(header):
            fix = f"write {len(header)}, one a column: {','.join(header)}"
            raise FD2Error(f"{len(cells)} values", self.where(number), fix)
        return dict(zip(header, cells, strict=True))


def _header_fault(
    header: Sequence[str], columns: Sequence[str], optional: Collection[str]
) -> str | None:
    for name in header:
        if name not in columns:
            near = difflib.get_close_matches(name.casefold(), columns, n=1, cutoff=0.6)
            return f"unknown column {shown(name)}" + (f", for '{near[0]}'?" if near else "")
        if header.count(name) > 1:
            return f"column {shown(name)} twice"
    missing = [name for name in columns if name not in (*header, *optional)]
    return f"no column '{missing[0]}'" if missing else None
