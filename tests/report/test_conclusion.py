"""The first sentence of the page and its chart, from tables of known results."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.tables.conftest import FACTS, write_cell, write_teacher

from fd2.artifacts.files import write_frame
from fd2.config.names import Cell, SetName
from fd2.config.sheets import read_sheet
from fd2.report.chart import charts
from fd2.report.conclusion import Conclusion, conclusions
from fd2.tables.students import student_table

#: Row of the sheet, and the class-balanced top-1 of its seeds; top-1 is 90 throughout.
Lines = Sequence[tuple[str, Sequence[float]]]
TEACHER_AND_RANDOM: Lines = [("random,plain,base,1", [30, 31, 32]), ("full,plain,base,", [])]
ROOT = Path(__file__).resolve().parents[2]
Build = Callable[..., list[Conclusion]]


@pytest.fixture
def conclude(tmp_path: Path) -> Build:
    """Conclusions of a table of dataset d, students resnet18 of three seeds."""

    def build(lines: Lines, **facts: dict[str, Any]) -> list[Conclusion]:
        results, words = tmp_path / "results", ["dataset,method,fd2,variant,ipc,student,published"]
        known: list[dict[str, str]] = []
        for row, values in lines:
            words.append(f"d,{row},resnet18,")
            method, fd2, variant, ipc = row.split(",")
            known.append({} if method == "full" else {**FACTS, **facts.get(variant, {})})
            if method == "full":
                write_teacher(results, "d", "resnet18", "plain" if fd2 == "plain" else "cal")
            for seed, value in enumerate(values):
                cell = Cell(SetName("d", method, fd2, variant), int(ipc), "resnet18", seed)
                write_cell(results, cell, 90.0, value)
        (tmp_path / "t.csv").write_text("\n".join(words) + "\n")
        table = student_table(read_sheet(tmp_path / "t.csv"), results, [0, 1, 2], known)
        write_frame(tmp_path / "table.csv", table.frame)
        return conclusions([tmp_path / "none.csv", tmp_path / "table.csv"])

    return build


def test_the_best_is_the_highest_mean_of_finished_rows(conclude: Build) -> None:
    (found,) = conclude(
        [
            *TEACHER_AND_RANDOM,
            ("rded,plain,base,1", [33, 35, 37]),
            ("sre2lpp,plain,base,1", [40, 41, 42]),
            ("dm,plain,base,1", [60, 61]),
            ("fadrm,plain,base,1", []),
        ]
    )
    best = found.best
    assert best is not None and best.name == "sre2lpp/plain/base" and best.mean == 41
    assert best.gain is not None and best.gain.points == 10 and best.gain.labels == "same"
    # t(0.975, 4) · √(1/3 + 1/3)
    assert best.gain.half_width == pytest.approx(2.7764 * (2 / 3) ** 0.5, abs=1e-3)
    assert best.reference == 31 and best.gain.reference == "random/plain/base"
    assert [(row.name, row.n, row.asked) for row in found.unfinished] == [
        ("dm/plain/base", 2, 3),
        ("fadrm/plain/base", 0, 3),
    ]
    assert len(found.distilled) == 2 and found.sides == {"above": 1, "open": 1}
    # Of the teacher, class-balanced, as distillation uses it.
    assert found.full is not None and found.full.mean == 60


def test_a_name_of_digits_is_a_name(conclude: Build, tmp_path: Path) -> None:
    conclude([*TEACHER_AND_RANDOM, ("rded,plain,base,1", [33, 35, 37])])
    table = tmp_path / "table.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], *(f"007{line[1:]}" for line in lines[1:])]))
    (found,) = conclusions([table])
    assert found.dataset == "007"
    assert found.best is not None and found.best.set_name.dataset == "007"


@pytest.mark.parametrize(
    ("values", "side"),
    [
        *(([33, 34, 35], "above"), ([24, 31, 38], "open"), ([10, 11, 12], "below")),
        ([31, 31, 31], "open"),
    ],
)
def test_where_an_interval_lies(conclude: Build, values: list[float], side: str) -> None:
    (found,) = conclude([*TEACHER_AND_RANDOM, ("rded,plain,base,1", values)])
    assert found.best is not None and found.best.gain is not None
    assert found.best.gain.side == side and found.sides == {side: 1}


def test_random_images_that_are_better_under_any_labels_are_told(conclude: Build) -> None:
    lines: Lines = [
        *TEACHER_AND_RANDOM,
        ("random,plain,hard,1", [50, 51, 52]),
        ("random,plain,hard,5", [80, 81, 82]),
        ("rded,plain,base,1", [40, 41, 42]),
    ]
    (found,) = conclude(lines, hard={"labels": "hard"})
    assert found.stronger is not None and found.stronger.name == "random/plain/hard"
    assert found.stronger.ipc == 1
    short = found.shortfall
    assert short is not None and short.points == -10 and short.side == "below"
    # t(0.975, 4) · √(1/3 + 1/3)
    assert short.half_width == pytest.approx(2.7764 * (2 / 3) ** 0.5, abs=1e-3)
    # It is above those that it is compared with all the same.
    assert found.best is not None and found.best.gain is not None
    assert found.best.gain.side == "above"
    (found,) = conclude([*lines[:2], ("rded,plain,base,1", [10, 11, 12])])
    assert found.stronger is not None and found.stronger.name == "random/plain/base"
    assert found.best is not None and found.shortfall is found.best.gain
    (found,) = conclude([*TEACHER_AND_RANDOM, ("rded,plain,base,1", [40, 41, 42])])
    assert found.stronger is None and found.shortfall is None


def test_without_random_images_or_results_nothing_is_claimed(conclude: Build) -> None:
    (found,) = conclude([("rded,plain,base,1", [40, 41, 42])])
    assert found.best is not None and found.best.gain is None and not found.sides
    assert found.full is None and found.best.reference is None
    (found,) = conclude([("random,plain,base,1", []), ("dm,plain,base,1", [])])
    assert found.best is None and charts(found) == []


def test_sets_by_the_same_settings_are_one_row(conclude: Build) -> None:
    values = {"base": [40, 41, 42], "again": [44, 45, 46]}
    (found,) = conclude(
        [(f"dm,plain,{name},1", own) for name, own in values.items()],
        again={"image_seeds": "[1]"},
    )
    (row,) = found.rows
    assert (row.over, row.n, row.mean) == ("sets", 2, 43) and row.finished
    # t(0.975, 1) · √(8 / 2)
    assert row.half_width == pytest.approx(12.706 * 2, abs=0.01)


def test_a_row_of_two_tables_is_counted_once(conclude: Build, tmp_path: Path) -> None:
    conclude([("rded,plain,base,1", [40, 41, 42])])
    (tmp_path / "table.csv").rename(tmp_path / "first.csv")
    conclude([*TEACHER_AND_RANDOM, ("rded,plain,base,1", [40, 41, 42])])
    (found,) = conclusions([tmp_path / "first.csv", tmp_path / "table.csv"])
    assert len(found.distilled) == 1 and found.sides == {"above": 1}


def test_marks_stand_where_the_axis_says(conclude: Build) -> None:
    (found,) = conclude(
        [
            *TEACHER_AND_RANDOM,
            ("random,plain,base,5", [38, 39, 40]),
            ("rded,plain,base,1", [33, 35, 37]),
            ("rded,plain,base,5", [48, 49, 50]),
            ("dm,plain,base,5", [40, 90, 2]),
        ]
    )
    first, second = charts(found)
    # That of the best row is first; full data is in both.
    assert (first.ipc, second.ipc) == (5, 1)
    for chart in (first, second):
        assert chart.marks[0].row.kind == "full" and chart.full == chart.marks[0].x
        (low, left), *_, (high, right) = chart.ticks
        assert 0 <= low < high <= 100 and 0 < left < right < 100
        assert 2 <= len(chart.ticks) <= 7

        def place(value: float, scale: tuple[float, ...] = (low, high, left, right)) -> float:
            a, b, from_left, to_right = scale
            share = (min(max(value, a), b) - a) / (b - a)
            return from_left + share * (to_right - from_left)

        for mark in chart.marks:
            assert mark.row.mean is not None
            assert mark.x == pytest.approx(place(mark.row.mean), abs=0.01)
            if mark.row.interval:
                ends = [place(end) for end in mark.row.interval]
                assert [mark.low, mark.high] == pytest.approx(ends, abs=0.01)
            if mark.row.reference is not None:
                assert mark.reference == pytest.approx(place(mark.row.reference), abs=0.01)
        assert all(upper.bottom == lower.top for upper, lower in pairwise(chart.marks))
        assert chart.height > chart.marks[-1].bottom
    assert any(mark.low is not None and mark.row.name.startswith("dm") for mark in first.marks)


@pytest.mark.parametrize("value", [0.0, 50.0, 100.0])
def test_equal_rows_do_not_look_apart(conclude: Build, value: float) -> None:
    rows = [("rded,plain,base,1", [value] * 3), ("dm,plain,base,1", [value] * 3)]
    ((chart,),) = map(charts, conclude(rows))
    (low, left), *_, (high, right) = chart.ticks
    assert high - low >= 10 and 0 <= low <= value <= high <= 100
    assert len({mark.x for mark in chart.marks}) == 1
    assert chart.marks[0].x == pytest.approx(left + (right - left) * (value - low) / (high - low))


def test_a_long_label_is_wrapped(conclude: Build) -> None:
    (found,) = conclude([(f"rded,plain,{'very-long-' * 6}name,1", [33, 35, 37])])
    (mark,) = charts(found)[0].marks
    assert len(mark.lines) > 2 and max(map(len, mark.lines)) <= 24
    assert re.sub(r"\s", "", "".join(mark.lines)) == mark.row.label.replace(" ", "")


def test_tables_of_other_kinds_say_nothing() -> None:
    golden = sorted((ROOT / "tests/tables/golden").glob("*.csv"))
    students = ROOT / "tests/tables/golden/students.csv"
    assert len(golden) > 4 and conclusions(golden) == conclusions([students]) != []
