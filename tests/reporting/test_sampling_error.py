"""Standard errors by the images tested: by hand, by resampling, and where tables show them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fd2.config.cells import Cell
from fd2.errors import FD2Error
from fd2.reporting.gain_texts import sentences
from fd2.reporting.gains import gains
from fd2.reporting.latex import latex
from fd2.reporting.markdown import markdown
from fd2.reporting.repeated_sets import repeated_sets
from fd2.reporting.repeated_teachers import repeated_teachers
from fd2.reporting.results import METRICS, Result
from fd2.reporting.sampling_error import Shares, scaled, shares, standard_error
from fd2.reporting.table import Table, build_table
from fd2.reporting.tidy import tidy

PLAIN = {
    **{"labels": "plain", "labels_of_any_seed": "plain", "training": "t"},
    **{"teachers": ["resnet18"], "teacher_seeds": [0]},
}
OTHER = {**PLAIN, "labels": "other", "teacher_seeds": [1]}


def student(correct: Mapping[str, str] | None) -> Result:
    return Result(
        *(Path("x"), 0.0, 0.0, 1, "paper", "scratch", 32, "m", "Test CPU", None, None),
        correct=correct,
    )


def drawn(seed: int) -> list[Result]:
    """Four students on three classes of different sizes; they often fail on the same images."""
    rng = np.random.default_rng(seed)
    hard = {"a": rng.random(12), "b": rng.random(5), "c": rng.random(30)}
    texts = [
        {name: "".join("01"[int(x > rng.random())] for x in own) for name, own in hard.items()}
        for _ in range(4)
    ]
    return [student(text) for text in texts]


def by_hand(some: Shares, metric: str) -> float:
    """Image by image: the shares of the students that are right, and their variance in a class."""
    names = list(some[0][0].correct or {})
    sizes = {name: len((some[0][0].correct or {})[name]) for name in names}
    total = 0.0
    for name in names:
        values = []
        for image in range(sizes[name]):
            values.append(sum(s for r, s in some if (r.correct or {})[name][image] == "1"))
        share = sizes[name] / sum(sizes.values()) if metric == "top1" else 1 / len(names)
        total += share**2 * statistics.variance(values) / sizes[name]
    return 100 * math.sqrt(total)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_sum_of_the_variances_of_the_classes(seed: int, metric: str) -> None:
    first, second, third, fourth = drawn(seed)
    difference = [*shares([first, second, third]), *shares([fourth], -1)]
    assert standard_error(difference, metric) == pytest.approx(by_hand(difference, metric))
    assert standard_error(scaled(difference, -2), metric) == pytest.approx(
        2 * by_hand(difference, metric)
    )


@pytest.mark.parametrize("metric", METRICS)
def test_other_images_of_the_classes_move_a_difference_by_as_much(metric: str) -> None:
    """Test images drawn again, a class as often as there are images of it."""
    first, second, third, _ = drawn(0)
    weighted = [*shares([first, second]), *shares([third], -1)]
    rng = np.random.default_rng(0)
    classes = []
    for name in first.correct or {}:
        digits = [[int(d) for d in (result.correct or {})[name]] for result, _ in weighted]
        classes.append(np.array([share for _, share in weighted]) @ np.array(digits))
    total = sum(map(len, classes))
    again = [
        sum(
            (len(own) / total if metric == "top1" else 1 / 3) * rng.choice(own, len(own)).mean()
            for own in classes
        )
        for _ in range(20_000)
    ]
    # Resampling divides by n where an unbiased variance divides by n - 1; a class has 5 images.
    assert standard_error(weighted, metric) == pytest.approx(100 * np.std(again), rel=0.1)


def test_what_students_have_in_common_cancels_out() -> None:
    first, *_ = drawn(1)
    assert standard_error([*shares([first]), *shares([first], -1)], "top1") == 0
    right = student({"a": "1" * 7})
    wrong = student({"a": "0" * 7})
    assert standard_error([*shares([right]), *shares([wrong], -1)], "top1") == 0
    alone = standard_error(shares([student({"a": "1100"})]), "top1")
    assert alone == pytest.approx(100 * math.sqrt(0.5 * 0.5 / 3))


@pytest.mark.parametrize(
    "students",
    [
        [],
        [student(None)],
        [student({"a": "01"}), student(None)],
        [student({"a": "01"}), student({"a": "011"})],
        [student({"a": "01", "b": "1"})],
    ],
)
def test_what_is_not_known_has_none(students: list[Result]) -> None:
    assert standard_error(shares(students), "top1") is None


@pytest.fixture
def build(
    sheet: Callable[..., Path], tmp_path: Path, write_cell: Callable[..., Path]
) -> Callable[..., Table]:
    """Rows of three images per class with two seeds each, and which images are right."""

    def run(rows: Mapping[str, tuple[Any, list[int], list[Result]]]) -> Table:
        for names, (*_, students) in rows.items():
            method, fd2, variant = names.split(",")
            for seed, each in enumerate(students):
                path = Cell("d", method, fd2, variant, 3, "resnet18", seed)
                top1, balanced = scores(each)
                write_cell(tmp_path, path, top1, balanced, correct=each.correct)
        made = [
            {"recipe": n[:4], "recipe_of_any_seed": n[:4], "seeds": seeds, "teacher_seeds": []}
            for n, (_, seeds, _) in rows.items()
        ]
        trainings = [training for training, *_ in rows.values()]
        path = sheet(*(f"d,{names},3,resnet18," for names in rows))
        return build_table(path, tmp_path, [0, 1], None, trainings, made)

    return run


def scores(result: Result) -> tuple[float, float]:
    texts = (result.correct or {}).values()
    right = "".join(texts)
    shares_of = [text.count("1") / len(text) for text in texts]
    return 100 * right.count("1") / len(right), 100 * statistics.fmean(shares_of)


def test_tables_show_it_wherever_there_is_a_difference(build: Callable[..., Table]) -> None:
    one, two, three, four = drawn(2)
    table = build(
        {
            "random,plain,base": (PLAIN, [0], [one, two]),
            "rded,plain,base": (PLAIN, [0], [three, four]),
            "rded,fd2,base": (PLAIN, [1], [two]),
        }
    )
    error = by_hand([*shares([three, four]), *shares([one, two], -1)], "top1")
    balanced = by_hand([*shares([three, four]), *shares([one, two], -1)], "balanced_top1")
    assert f", standard error by the images tested {error:.1f}): " in sentences(gains(table))[0]
    text = markdown(table)
    largest = max(by_hand(shares(some), "top1") for some in ([one, two], [three, four], [two]))
    assert f"up to {largest:.1f} points to a row's top-1, and to a difference" in text
    line = next(line for line in text.splitlines() if line.startswith("| RDED | d"))
    words = line.split(" | ")
    assert (words[7], words[11]) == (f"{error:.1f}", f"{balanced:.1f}")
    plain = by_hand([*shares([two]), *shares([three, four], -1)], "top1")
    section = text.split("## Differences: with FD² minus without")[1]
    assert f" | {plain:.1f} | " in section.splitlines()[4]
    assert f"({error:.1f})" in latex(table)
    row = tidy(table).set_index(["method", "fd2"]).loc[("rded", "plain")]
    assert row["gain_top1_standard_error"] == pytest.approx(error)
    assert row["gain_balanced_top1_standard_error"] == pytest.approx(balanced)


def test_sets_and_teachers_count_alike_however_many_students_they_have(
    build: Callable[..., Table],
) -> None:
    one, two, three, four = drawn(3)
    table = build(
        {
            "random,plain,base": (PLAIN, [0], [one, two]),
            "rded,plain,base": (PLAIN, [0], [three, four]),
            "rded,plain,set-1": (PLAIN, [1], [four]),
            "rded,plain,set-2": (PLAIN, [2], []),
            "random,plain,other": (OTHER, [0], [two]),
            "rded,plain,other": (OTHER, [0], [one]),
        }
    )
    (sets,) = repeated_sets(table)
    first = [(three, 0.25), (four, 0.25), (four, 0.5), (one, -0.5), (two, -0.5)]
    teachers = next(each for each in repeated_teachers(table) if each.is_compared)
    both = [*scaled(first, 0.5), (one, 0.5), (two, -0.5)]
    for metric in METRICS:
        assert sets.gain_standard_error(metric) == pytest.approx(by_hand(first, metric))
        assert teachers.gain_standard_error(metric) == pytest.approx(by_hand(both, metric))
    row = tidy(table).set_index("variant").loc["set-1"]
    assert row["sets_gain_top1_standard_error"] == pytest.approx(by_hand(first, "top1"))
    assert f"({by_hand(both, 'top1'):.1f})" in latex(table).split("-teachers}")[1]
    assert f" | {by_hand(both, 'top1'):.1f} | " in markdown(table).split("several teachers")[1]


def test_records_without_it_have_a_dash(
    build: Callable[..., Table], write_cell: Callable[..., Path], tmp_path: Path
) -> None:
    one, two, *_ = drawn(4)
    rows = {"random,plain,base": (PLAIN, [0], [one]), "rded,plain,base": (PLAIN, [0], [two])}
    assert "(one seed each, standard error by" in markdown(build(rows))
    for method, each in (("random", one), ("rded", two)):
        cell = Cell("d", method, "plain", "base", 3, "resnet18", 0)
        write_cell(tmp_path, cell, *scores(each))
    table = build_table(tmp_path / "t_1.csv", tmp_path, [0, 1], None, [PLAIN, PLAIN])
    text = markdown(table)
    assert "tandard error" not in text and "(" not in latex(table).split("-gain}")[1]
    assert "| – | – | one seed each: the spread is unknown |" in text


@pytest.mark.parametrize("correct", [{"a": "012"}, {"a": ""}, ["01"]])
def test_other_signs_are_damage(
    build: Callable[..., Table], write_cell: Callable[..., Path], tmp_path: Path, correct: Any
) -> None:
    one, *_ = drawn(5)
    build({"random,plain,base": (PLAIN, [0], [one])})
    cell = Cell("d", "random", "plain", "base", 3, "resnet18", 0)
    path = write_cell(tmp_path, cell, *scores(one), correct=correct)
    with pytest.raises(FD2Error, match=f"damaged file[^$]*{path.name}"):
        build_table(tmp_path / "t_1.csv", tmp_path, [0, 1])
