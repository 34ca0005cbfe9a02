"""Kinds of sheets, and what is wrong with one that does not fit its kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from fd2.config.names import SetName, Teacher
from fd2.config.rows import KINDS, GroupRow, IterationRow, StudentRow, TeacherRow
from fd2.config.sheets import read_sheet
from fd2.errors import FD2Error

STUDENTS = "dataset,method,fd2,variant,ipc,student,published"
TEACHERS = "# kind: teachers\ndataset,backbone,published_backbone,published_cal"
ITERATIONS = "# kind: iterations\ndataset,method,fd2,variant,ipc,published_ms,published_gb"
GROUPS = "# kind: groups\ndataset,method,fd2,variant,ipc,published_seconds,label"


def written(folder: Path, *lines: str) -> Path:
    path = folder / "mine.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_students(tmp_path: Path) -> None:
    lines = (
        "# A note.",
        STUDENTS + ",label",
        "d,full,fd2,base,,r,60;61.5,",
        "d,m,plain,v,3,r,,a=1",
    )
    sheet = read_sheet(written(tmp_path, *lines))
    assert (sheet.kind, sheet.notes) == ("students", ("A note.",))
    assert sheet.rows == (
        StudentRow("d", "full", "fd2", "base", None, "r", (60.0, 61.5)),
        StudentRow("d", "m", "plain", "v", 3, "r", (), "a=1"),
    )
    assert sheet.rows_of(TeacherRow) == []
    assert sheet.sources([0, 1]) == [
        "teachers/d/r/cal.json",
        "students/d/m/plain/v/ipc3/r/seed0.json",
        "students/d/m/plain/v/ipc3/r/seed1.json",
    ]


def test_other_kinds(tmp_path: Path) -> None:
    teachers = read_sheet(written(tmp_path, TEACHERS, "d,r,1,2"))
    assert teachers.rows == (TeacherRow("d", "r", "base", (1.0,), (2.0,)),)
    assert teachers.sources([0]) == ["teachers/d/r/cal.json"]
    lines = "# kind: teachers\n# A note.\ndataset,backbone,variant,published_backbone,published_cal"
    variants = read_sheet(written(tmp_path, lines, "d,r,long,,"))
    assert variants.notes == ("A note.",)
    assert [row.teacher for row in variants.rows_of(TeacherRow)] == [Teacher("d", "r", "cal-long")]
    iterations = read_sheet(
        written(tmp_path, ITERATIONS, "d,DSA,plain,,1,3,", "d,m,fd2,base,1,,1.5")
    )
    assert iterations.rows == (
        IterationRow("d", "DSA", "plain", "", 1, 3.0, None),
        IterationRow("d", "m", "fd2", "base", 1, None, 1.5),
    )
    assert iterations.sources([0]) == ["measured/d/m/fd2/base/ipc1.json"]
    groups = read_sheet(written(tmp_path, GROUPS, "d,m,fd2,two,5,100,N_s = 2"))
    assert groups.rows == (GroupRow("d", "m", "fd2", "two", 5, 100.0, "N_s = 2"),)
    assert groups.sources([0]) == [SetName("d", "m", "fd2", "two").images(5)]


@pytest.mark.parametrize(
    ("lines", "messages"),
    [
        (["# kind: teacher", STUDENTS], ["kind of sheet 'teacher'", *KINDS]),
        ([TEACHERS.splitlines()[1]], ["header 'dataset,backbone", "'students'", "# kind: ..."]),
        (["# kind: groups", STUDENTS], [f"header '{STUDENTS}'", "kind 'groups'"]),
        ([""], ["header ''", "'students'"]),
        ([STUDENTS, "d,m,plain,base,1,r"], ["6 values", "line 2"]),
        ([STUDENTS, 'd,m,plain,base,1,r,"1'], ["not a line of csv", "line 2"]),
        ([STUDENTS, "d,m,both,base,1,r,"], ["fd2 is 'both'", "line 2", "allowed: fd2, plain"]),
        ([STUDENTS, "d,m,fd2,base,,r,"], ["no images per class", "line 2"]),
        ([STUDENTS, "d,m,fd2,base,0,r,"], ["ipc 0", "line 2, column ipc"]),
        ([STUDENTS, "d,m,fd2,base,-1,r,"], ["not a number: '-1'", "column ipc"]),
        ([STUDENTS, "d,m,fd2,base,1,r,1;2;3"], ["3 published numbers", "column published"]),
        ([STUDENTS, "d,m,fd2,base,1,r,high"], ["not a number", "column published"]),
        (
            [ITERATIONS, "d,m,fd2,base,1,1;2,"],
            ["not a number: '1;2'", "line 3, column published_ms"],
        ),
        ([GROUPS, "d,m,fd2,base,,1,"], ["not a number: ''", "line 3, column ipc"]),
    ],
    ids=str,
)
def test_a_faulty_sheet_is_refused(tmp_path: Path, lines: list[str], messages: list[str]) -> None:
    with pytest.raises(FD2Error) as refused:
        read_sheet(written(tmp_path, *lines))
    for message in messages:
        assert message in str(refused.value)
    assert "mine.csv" in refused.value.where
