"""Texts and csv files as programs of all kinds write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fd2.config.names import SetName
from fd2.config.rows import StudentRow
from fd2.config.sheets import read_sheet
from fd2.config.texts import CsvText, read_text
from fd2.config.yaml_reader import read_yaml
from fd2.errors import FD2Error

HEADER = "dataset,method,fd2,variant,ipc,student,published,label"
LINES = ["# A note, with a comma; and more.", HEADER, 'd,m,plain,base,3,r,60.5,"a, b"']
ROW = StudentRow("d", "m", "plain", "base", 3, "r", (60.5,), "a, b")


def with_separator(separator: str) -> str:
    cells = ["d", "m", "plain", "base", "3", "r", "60.5", '"a, b"']
    header = HEADER.replace(",", separator)
    return "\n".join([LINES[0], header, separator.join(cells), ""])


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(LINES).encode(),
        b"\xef\xbb\xbf" + "\n".join(LINES).encode(),
        "\r\n".join([*LINES, "", ""]).encode(),
        "\r".join(LINES).encode(),
        with_separator(";").encode(),
        with_separator("\t").encode(),
        with_separator(" , ").replace(' , "', ', "').encode(),
        ("sep=;\r\n" + with_separator(";").replace("\n", "\r\n")).encode(),
        # A note that a spreadsheet took for cells, columns it added, and a line of nothing.
        "\r\n".join([f'"{LINES[0]}",,,', LINES[1] + ",,", LINES[2] + ",,", ",,,,,,,,,"]).encode(),
    ],
    ids=["unix", "mark", "dos", "mac", "semicolons", "tabs", "blanks", "sep", "spreadsheet"],
)
def test_a_sheet_by_any_program(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    sheet = read_sheet(path)
    assert sheet.rows == (ROW,) and sheet.notes == (LINES[0].lstrip("# "),)
    assert sheet.where(0).endswith(f"mine.csv, line {4 if b'sep' in content else 3}")


def test_columns_in_any_order_and_without_published_numbers(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("student,ipc,variant,fd2,method,dataset\nr,1,base,fd2,m,d\n")
    assert read_sheet(path).rows == (StudentRow("d", "m", "fd2", "base", 1, "r"),)
    path.write_text("# kind: iterations\ndataset,method,fd2,variant,ipc\nd,m,fd2,base,1\n")
    assert read_sheet(path).sources([0]) == [SetName("d", "m", "fd2", "base").measured(1)]


@pytest.mark.parametrize("read", [read_text, CsvText.read, read_sheet, read_yaml])
@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("a: ä\nb: 1\n".encode("utf-16"), "", ["UTF-16", "iconv -f UTF-16"]),
        ("a: ä\nb: 1\n".encode("utf-16-le"), "", ["UTF-16", "iconv"]),
        ("a: 1\nb: Vögel\n".encode("latin-1"), ", line 2", ["0xf6", "WINDOWS-1252"]),
        ("a: 1\r\rb: Vögel\r".encode("cp1252"), ", line 3", ["not UTF-8"]),
        (b"\x89PNG\r\n\x1a\n\0\0", "", ["no text"]),
        (b"PK\x03\x04\x14\0", "", ["a spreadsheet", "CSV UTF-8"]),
    ],
    ids=["utf-16", "utf-16 without mark", "latin-1", "old mac", "picture", "xlsx"],
)
def test_other_encodings_are_told(
    read: object, tmp_path: Path, content: bytes, line: str, words: list[str]
) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(FD2Error) as refused:
        read(path)  # type: ignore[operator]
    assert refused.value.where.endswith(f"mine.csv{line}")
    for word in words:
        assert word in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("a: 1")
    for name, words in (("mien.yaml", "mine.yaml'?"), ("x", "mine.yaml"), ("no/x.yaml", "no")):
        with pytest.raises(FD2Error, match="no such file") as refused:
            read_text(tmp_path / name)
        assert words in refused.value.fix
    with pytest.raises(FD2Error, match="cannot read"):
        read_text(tmp_path)


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        ([HEADER], "", ["no rows"]),
        ([HEADER, *[LINES[2]] * 2], "2 and line 3", ["stands twice"]),
        ([HEADER, LINES[2], LINES[2].replace("60.5", "61")], "2 and line 3", ["stands twice"]),
        ([HEADER, LINES[2], LINES[2].replace("a, b", "c")], "2 and line 3", ["stands twice"]),
        ([HEADER, "d,m,plain,base,3,r,999,"], "2, column published", ["999", "0 to 100"]),
        ([HEADER, "d,m,plain,base,3,r,nan,"], "2, column published", ["nan", "finite"]),
        ([HEADER, "d,m,plain,base,3,r,-1,"], "2, column published", ["-1"]),
        ([HEADER, "d,m,plain,base,3,r,1e999,"], "2, column published", ["finite"]),
        ([HEADER, 'd,m,plain,base,3,r,"60,5",'], "2, column published", ["such as 60.5"]),
        ([HEADER, "d,m,plain,base,3,r,60.5 %,"], "2, column published", ["such as 60.5"]),
        ([HEADER, "d,m,plain,base,3.0,r,,"], "2, column ipc", ["write 3"]),
        ([HEADER, "d,m,plain,base,٣,r,,"], "2, column ipc", ["not a number"]),
        ([HEADER, "d,m,plain,base," + "9" * 5000 + ",r,,"], "2, column ipc", ["at least 1"]),
        ([HEADER, "d,m,yes,base,3,r,,"], "2", ["fd2 is 'yes'"]),
        ([HEADER, "d,full,plain,base,3,r,,"], "2", ["leave 'ipc' empty"]),
        (["data set,method,fd2,variant,ipc,student", "d"], "1", ["'data set', for 'dataset'?"]),
        (["dataset,method,fd2,variant,ipc,student,ipc", "d"], "1", ["column 'ipc' twice"]),
        (["dataset,method,fd2,variant,ipc", "d"], "1", ["no column 'student'"]),
        ([HEADER, f"d,m,plain,base,{'x' * 100_000},r,,"], "2, column ipc", ["100000 characters"]),
    ],
)
def test_a_row_that_is_refused(
    tmp_path: Path, lines: list[str], line: str, words: list[str]
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(FD2Error) as refused:
        read_sheet(path)
    assert refused.value.where.endswith(f"mine.csv{line and f', line {line}'}")
    for word in words:
        assert word in str(refused.value)
    assert len(str(refused.value)) < 2000
