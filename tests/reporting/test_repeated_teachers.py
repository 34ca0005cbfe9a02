"""Several teachers by the same settings: which rows belong together, numbers and words."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fd2.reporting.latex import latex
from fd2.reporting.markdown import markdown
from fd2.reporting.repeated_sets import repeated_sets
from fd2.reporting.repeated_teachers import RepeatedTeacher, repeated_teachers
from fd2.reporting.table import Table, build_table
from fd2.reporting.tidy import tidy

Row = tuple[str, Any, Any, tuple[float, ...]]


def labelled(name: str, seed: int, **other: object) -> dict[str, Any]:
    own = {"labels": name, "labels_of_any_seed": "cal", "training": "t", "teachers": ["resnet18"]}
    return {**own, "teacher_seeds": [seed], **other}


def distilled(name: str, seed: int, images: int, **other: object) -> dict[str, Any]:
    own = {"recipe": name, "recipe_of_any_seed": "a", "seeds": [images, images]}
    return {**own, "teacher_seeds": [seed], **other}


def selected(images: int) -> dict[str, Any]:
    own = {"recipe": "r", "recipe_of_any_seed": "r", "seeds": [images]}
    return {**own, "teacher_seeds": []}


BASE, ONE, TWO = (labelled(*which) for which in (("cal", 0), ("cal-one", 1), ("cal-two", 2)))
LONG = labelled("cal-one", 1, training="long")
#: Two sets of one teacher and one of each of two others; what each set's students reached.
ROWS: list[Row] = [
    ("random,fd2,base", BASE, selected(0), (50.0, 52.0)),
    ("random,fd2,set-1", BASE, selected(1), (52.0, 54.0)),
    ("random,fd2,one", ONE, selected(1), (40.0, 40.0)),
    ("random,fd2,two", TWO, selected(2), (60.0, 60.0)),
    ("sre2lpp,fd2,base", BASE, distilled("cal", 0, 0), (55.0, 57.0)),
    ("sre2lpp,fd2,set-1", BASE, distilled("cal", 0, 1), (59.0, 61.0)),
    ("sre2lpp,fd2,one", ONE, distilled("cal-one", 1, 1), (41.0, 43.0)),
    ("sre2lpp,fd2,two", TWO, distilled("cal-two", 2, 2), (57.0, 57.0)),
    # The same teacher by another name, students trained otherwise, and images made otherwise.
    ("sre2lpp,fd2,again", labelled("cal-x", 1), distilled("cal-x", 1, 1), (1.0, 1.0)),
    ("sre2lpp,fd2,long", LONG, distilled("cal-one", 1, 1), (2.0, 2.0)),
    ("sre2lpp,fd2,rate", ONE, distilled("b", 1, 1, recipe_of_any_seed="b"), (3.0, 3.0)),
]
SETS, RANDOM = [58.0, 42.0, 57.0], [52.0, 40.0, 60.0]


def variants(each: RepeatedTeacher) -> list[list[str]]:
    return [[entry.row.variant for entry in sets.entries] for sets in each.teachers]


def test_rows_that_differ_in_seeds_alone_belong_together(
    trained_rows: Callable[..., Table],
) -> None:
    random, distilled = repeated_teachers(trained_rows(ROWS))
    assert variants(random) == variants(distilled) == [["base", "set-1"], ["one"], ["two"]]
    assert not random.is_compared and distilled.is_compared


def test_mean_spread_and_gain_by_hand(trained_rows: Callable[..., Table]) -> None:
    random, distilled = repeated_teachers(trained_rows(ROWS))
    assert distilled.values("top1") == pytest.approx(SETS)
    assert random.values("top1") == pytest.approx(RANDOM)
    assert distilled.mean("top1") == pytest.approx(statistics.fmean(SETS))
    assert distilled.std("top1") == pytest.approx(statistics.stdev(SETS))
    gains = [mine - real for mine, real in zip(SETS, RANDOM, strict=True)]
    assert distilled.gain("top1") == pytest.approx(statistics.fmean(gains))
    assert distilled.gain_std("top1") == pytest.approx(statistics.stdev(gains))
    assert distilled.verdict("top1") == "within the spread between teachers"
    assert distilled.gain("balanced_top1") == pytest.approx(statistics.fmean(gains) / 2)


def test_a_gain_is_paired_with_its_teachers_labels(trained_rows: Callable[..., Table]) -> None:
    """However far apart teachers' labels are, an equal gain under each is beyond the spread."""
    rows = [(*row[:3], (row[3][0],)) for row in ROWS if "set-1" not in row[0]][:6]
    reached = (50.0, 40.0, 60.0, 52.0, 42.5, 62.0)
    rows = [(*row[:3], (value,)) for row, value in zip(rows, reached, strict=True)]
    _, distilled = repeated_teachers(trained_rows(rows))
    assert distilled.gain("top1") == pytest.approx(13 / 6)
    assert distilled.gain_std("top1") == pytest.approx(statistics.stdev([2.0, 2.5, 2.0]))
    assert distilled.verdict("top1") == "exceeds the spread between teachers"


def test_what_is_missing_has_no_numbers(trained_rows: Callable[..., Table]) -> None:
    def build(missing: Callable[[Row], bool]) -> RepeatedTeacher:
        table = trained_rows([(*r[:3], () if missing(r) else r[3]) for r in ROWS])
        return repeated_teachers(table)[1]

    one_left = build(lambda row: row[1] is not BASE)
    assert one_left.gain("top1") == pytest.approx(6.0) and one_left.gain_std("top1") is None
    assert one_left.verdict("top1") == "one teacher: the spread is unknown"
    nothing_real = build(lambda row: row[0].startswith("random"))
    assert nothing_real.gain("top1") is None and nothing_real.verdict("top1") == "missing"
    assert nothing_real.mean("top1") == pytest.approx(statistics.fmean(SETS))


def test_sets_of_several_teachers_are_not_sets_of_one(trained_rows: Callable[..., Table]) -> None:
    assert [len(sets.entries) for sets in repeated_sets(trained_rows(ROWS))] == [2, 2]


def test_a_table_of_one_teacher_or_without_config_has_none(
    trained_rows: Callable[..., Table], sheet: Callable[..., Path], tmp_path: Path
) -> None:
    table = trained_rows([row for row in ROWS if row[1] is BASE])
    assert repeated_teachers(table) == []
    assert "several teachers" not in markdown(table) and "-teachers}" not in latex(table)
    assert tidy(table)["teachers"].isna().all()
    path = sheet("d,random,fd2,base,3,resnet18,", "d,random,fd2,one,3,resnet18,")
    assert repeated_teachers(build_table(path, tmp_path, [0])) == []


def test_texts_have_the_section(trained_rows: Callable[..., Table]) -> None:
    table = trained_rows(ROWS)
    section = markdown(table).split("## Means over several teachers by the same settings\n\n")[1]
    lines = section.split("\n\n")[1].splitlines()
    assert lines[0].startswith(
        "| method | dataset | IPC | student | teachers | top1 | gain | std of gains"
    )
    assert lines[2:] == [
        "| Random real images, labels of the CAL teacher | d | 3 | resnet18 | 3 | 50.7 ± 10.1 |  |"
        "  |  |  | 25.3 ± 5.0 |  |  |  |  |",
        "| SRe²L++ + FD² | d | 3 | resnet18 | 3 | 52.3 ± 9.0 | +1.7 | 4.5 | – | within the spread "
        "between teachers | 26.2 ± 4.5 | +0.8 | 2.3 | – | within the spread between teachers |",
    ]
    tex = latex(table)
    assert tex.isascii() and r"\label{tab:t_1-teachers}" in tex
    assert r"d & 3 & resnet18 & 3 & 52.3 $\pm$ 9.0 & +1.7 $\pm$ 4.5" in tex


def test_each_row_of_the_csv_has_its_group(trained_rows: Callable[..., Table]) -> None:
    frame = tidy(trained_rows(ROWS)).set_index("variant")
    distilled = frame[frame["method"] == "sre2lpp"]
    assert distilled["teachers"].dropna().to_dict() == dict.fromkeys(
        ("base", "set-1", "one", "two"), 3
    )
    row = distilled.loc["set-1"]
    assert row["teachers_top1_mean"] == pytest.approx(statistics.fmean(SETS))
    assert row["teachers_gain_top1"] == pytest.approx(5 / 3)
    assert row["teachers_gain_top1_verdict"] == "within the spread between teachers"
    assert row["sets"] == 2
