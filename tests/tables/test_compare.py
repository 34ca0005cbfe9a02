"""Differences and their intervals: against slow formulas, and which rows they compare."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.tables.conftest import Line

from fd2.report.intervals import STATISTICS, of_mean, welch
from fd2.tables.records import METRICS
from fd2.tables.render import Table

PLAIN = {"labels": "plain", "labels_of_any_teacher": "plain"}
CAL: dict[str, str] = {}
SEVERAL = {"labels": "several"}
HARD = {"labels": "hard", "labels_of_any_teacher": "hard", "training": "h"}


def quantile(freedom: float) -> float:
    """Where 97.5 % of a t distribution lie below, by bisection of its integrated density."""
    steps = 2_000
    constant = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    constant /= math.sqrt(freedom * math.pi)

    def below(x: float) -> float:
        # Simpson's rule from 0 to x; half of the distribution lies below 0.
        density = [
            constant * (1 + (x * k / steps) ** 2 / freedom) ** (-(freedom + 1) / 2)
            for k in range(steps + 1)
        ]
        inner = 4 * sum(density[1:-1:2]) + 2 * sum(density[2:-1:2])
        return 0.5 + (density[0] + inner + density[-1]) * x / steps / 3

    low, high = 0.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < 0.975 else (low, middle)
    return low


def welch_by_hand(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    errors = [statistics.variance(side) / len(side) for side in (ours, theirs)]
    squares = [e**2 / (len(side) - 1) for e, side in zip(errors, (ours, theirs), strict=True)]
    freedom = sum(errors) ** 2 / sum(squares)
    difference = statistics.fmean(ours) - statistics.fmean(theirs)
    return difference, quantile(freedom) * math.sqrt(sum(errors))


def mean_by_hand(values: Sequence[float]) -> tuple[float, float]:
    error = math.sqrt(statistics.variance(values) / len(values))
    return statistics.fmean(values), quantile(len(values) - 1) * error


def summed(*groups: Sequence[float]) -> pd.DataFrame:
    lines = [(group, value, value / 2) for group, own in enumerate(groups) for value in own]
    frame = pd.DataFrame(lines, columns=["group", *METRICS])
    found = frame.groupby("group")[list(METRICS)].agg(list(STATISTICS))
    return found.reindex(range(len(groups)))


def row(table: Table, names: str) -> pd.Series[Any]:
    method, fd2, variant = names.split(",")
    frame = table.frame.set_index(["method", "fd2", "variant"])
    return frame.loc[(method, fd2, variant)]


def references(table: Table, comparison: str) -> dict[str, str]:
    frame = table.frame.dropna(subset=f"{comparison}_reference")
    names = frame["method"] + "/" + frame["fd2"] + "/" + frame["variant"]
    return dict(zip(names, frame[f"{comparison}_reference"], strict=True))


def test_quantiles_of_the_tables_in_books() -> None:
    for freedom, value in ((2, 4.303), (4, 2.776), (10, 2.228)):
        assert quantile(freedom) == pytest.approx(value, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_intervals_are_those_of_slow_formulas(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ours, theirs = rng.normal(60, 1, 3).tolist(), rng.normal(55, 4, 5).tolist()
    difference, half = welch(summed(ours), summed(theirs))
    expected = welch_by_hand(ours, theirs)
    assert (difference.loc[0, "top1"], half.loc[0, "top1"]) == pytest.approx(expected, rel=1e-5)
    assert half.loc[0, "balanced_top1"] == pytest.approx(expected[1] / 2, rel=1e-5)
    assert of_mean(summed(ours)).loc[0, "top1"] == pytest.approx(mean_by_hand(ours)[1], rel=1e-5)


def test_nine_of_ten_intervals_and_more_contain_no_difference() -> None:
    """Three students against three of the same kind: 95 % intervals miss 0 in at most 5 %."""
    rng = np.random.default_rng(0)
    draws = rng.normal(0, 1, (2, 4000, 3))
    difference, half = welch(*(summed(*side.tolist()) for side in draws))
    missed = (difference["top1"].abs() > half["top1"]).mean()
    assert 0.02 < missed < 0.06


def test_below_two_values_an_interval_is_unknown_and_not_zero() -> None:
    one, two, none = [50.0], [60.0, 62.0], []
    difference, half = welch(summed(one, two, none, one), summed(two, one, two, one))
    assert difference["top1"].tolist()[:2] == [-11.0, 11.0] and math.isnan(difference["top1"][2])
    assert half["top1"].isna().all()
    assert of_mean(summed(one, none))["top1"].isna().all()


def test_equal_values_have_an_interval_of_no_width() -> None:
    _, half = welch(summed([50.0, 50.0]), summed([60.0, 60.0]))
    assert half["top1"].tolist() == [0.0]


ROWS: list[Line] = [
    ("random,plain,hard-labels", HARD, (30.0, 31.0, 32.0)),
    ("random,plain,base", PLAIN, (50.0, 51.0, 52.0)),
    ("random,fd2,base", CAL, (53.0, 55.0, 57.0)),
    ("sre2lpp,plain,base", PLAIN, (49.0, 50.0, 51.0)),
    ("sre2lpp,fd2,base", CAL, (57.0, 58.0, 59.0)),
    ("fadrmplus,plain,base", SEVERAL, (51.0, 52.0, 53.0)),
    ("rded,plain,long", {**PLAIN, "training": "long"}, (51.0, 51.5, 52.0)),
    ("rded,plain,hard-labels", HARD, ()),
]


def test_random_images_have_the_same_labels_where_the_sheet_has_such_a_row(
    table: Callable[..., Table],
) -> None:
    built = table(ROWS)
    assert references(built, "over_random") == {
        "sre2lpp/plain/base": "random/plain/base",
        "sre2lpp/fd2/base": "random/fd2/base",
        "fadrmplus/plain/base": "random/plain/base",
        "rded/plain/long": "random/plain/base",
        "rded/plain/hard-labels": "random/plain/hard-labels",
    }
    labels = built.frame.set_index("method")["over_random_labels"].dropna()
    assert labels["fadrmplus"] == "other"
    assert labels["rded"].tolist() == ["same; students trained otherwise", "same"]
    fewer = table([line for line in ROWS if line[0] != "random,fd2,base"])
    assert references(fewer, "over_random")["sre2lpp/fd2/base"] == "random/plain/base"
    more: list[Line] = [
        *ROWS,
        ("random,plain,several", SEVERAL, ()),
        ("random,plain,long", ROWS[6][1], ()),
    ]
    found = references(table(more), "over_random")
    assert found["fadrmplus/plain/base"] == "random/plain/several"
    assert found["rded/plain/long"] == "random/plain/long"


def test_a_difference_over_students(table: Callable[..., Table]) -> None:
    built = table(ROWS)
    found = row(built, "sre2lpp,fd2,base")
    expected = welch_by_hand((57, 58, 59), (53, 55, 57))
    for name, scale in (("top1", 1.0), ("balanced_top1", 0.5)):
        assert found[f"over_random_{name}"] == pytest.approx(expected[0] * scale)
        half = found[f"over_random_{name}_half_width"]
        assert half == pytest.approx(expected[1] * scale, rel=1e-5)
    fd2 = welch_by_hand((57, 58, 59), (49, 50, 51))
    assert found["fd2_minus_plain_top1_half_width"] == pytest.approx(fd2[1], rel=1e-5)
    assert (found["over"], found["fd2_minus_plain_reference"]) == ("students", "sre2lpp/plain/base")
    missing = row(built, "rded,plain,hard-labels")
    assert pd.isna(missing["over_random_top1"])


def test_fd2_is_compared_with_the_row_without_it(table: Callable[..., Table]) -> None:
    def line(names: str, without: str) -> Line:
        return f"sre2lpp,{names}", {"without_fd2": without, "images": names}, ()

    lines = [
        line("plain,base", "a"),
        line("plain,crops", "b"),
        line("fd2,base", "a"),
        line("fd2,constraint", "a"),
        line("fd2,rate", "c"),
        line("fd2,crops", "b"),
        ("rded,fd2,base", {}, ()),
    ]
    assert references(table(lines), "fd2_minus_plain") == {
        "sre2lpp/fd2/base": "sre2lpp/plain/base",
        "sre2lpp/fd2/constraint": "sre2lpp/plain/base",
        "sre2lpp/fd2/crops": "sre2lpp/plain/crops",
    }


def test_a_labelled_variant_is_compared_with_base(table: Callable[..., Table]) -> None:
    lines: list[Line] = [
        ("sre2lpp,fd2,low", {"images": "low"}, (50.0, 52.0)),
        ("sre2lpp,fd2,base", {}, (56.0, 57.0)),
        ("sre2lpp,fd2,unlabelled", {"images": "other"}, (1.0,)),
        ("sre2lpp,fd2,set-1", {"image_seeds": "[1]"}, (1.0,)),
        ("rded,fd2,low", {}, (1.0,)),
    ]
    built = table(lines, labels={"low": "ρ = 0.1", "base": "ρ = 0.5", "set-1": "set 1"})
    assert references(built, "variant_minus_base") == {"sre2lpp/fd2/low": "sre2lpp/fd2/base"}
    assert row(built, "sre2lpp,fd2,low")["variant_minus_base_top1"] == pytest.approx(-27.75 + 22.25)


def images(name: str, seed: int, **more: str) -> dict[str, str]:
    return {"images": name, "images_of_any_teacher": name, "image_seeds": f"[{seed}]", **more}


SETS: list[Line] = [
    ("random,plain,base", images("r", 0), (50.0, 52.0)),
    ("random,plain,set-1", images("r", 1), (54.0, 54.0)),
    ("sre2lpp,plain,base", images("a", 0), (60.0, 62.0)),
    ("sre2lpp,plain,rate", images("b", 0), (70.0, 72.0)),
    ("sre2lpp,plain,set-1", images("a", 1), (63.0, 65.0)),
    ("sre2lpp,plain,set-2", images("a", 2), (57.0, 61.0)),
    ("sre2lpp,plain,again", images("a", 2), (1.0, 1.0)),
    ("sre2lpp,plain,long", images("a", 0, training="long"), (80.0, 80.0)),
    ("sre2lpp,plain,long-set-1", images("a", 1, training="long"), ()),
]


def test_several_sets_by_the_same_settings(table: Callable[..., Table]) -> None:
    built = table(SETS, (0, 1))
    found = built.frame.set_index(["method", "variant"])
    assert found["over"].to_dict() == {
        **{("random", name): "sets" for name in ("base", "set-1")},
        **{("sre2lpp", name): "sets" for name in ("base", "set-1", "set-2", "again")},
        **{("sre2lpp", name): "sets" for name in ("long", "long-set-1")},
        ("sre2lpp", "rate"): "students",
    }
    # The row by the seeds of another is the same set, and students count once a set.
    mine, real = [61.0, 64.0, 59.0], [51.0, 54.0]
    for variant in ("base", "set-1", "set-2"):
        one = found.loc[("sre2lpp", variant)]
        assert (one["repeats"], one["repeats_asked"]) == (3, 3)
        assert one["repeats_top1_mean"] == pytest.approx(statistics.fmean(mine))
        assert one["repeats_top1_sd"] == pytest.approx(statistics.stdev(mine))
        gain = (one["over_random_top1"], one["over_random_top1_half_width"])
        assert gain == pytest.approx(welch_by_hand(mine, real), rel=1e-5)
    assert found.loc[("sre2lpp", "base"), "top1_mean"] == 61.0, "a row keeps its own mean"
    long = found.loc[("sre2lpp", "long")]
    assert (long["repeats"], long["repeats_asked"]) == (1, 2)
    assert long["repeats_top1_mean"] == 80.0 and pd.isna(long["repeats_top1_sd"])
    # Random images whose students are trained otherwise are compared with, and said to be so.
    assert long["over_random_labels"] == "same; students trained otherwise"
    assert pd.isna(long["over_random_top1_half_width"])
    rate = found.loc[("sre2lpp", "rate")]
    assert rate["over_random_top1"] == pytest.approx(71.0 - 51.0), "students of one set each"


def test_a_side_of_one_set_has_no_interval_over_sets(table: Callable[..., Table]) -> None:
    built = table([line for line in SETS if line[0] != "random,plain,set-1"], (0, 1))
    found = row(built, "sre2lpp,plain,base")
    assert found["over_random_top1"] == pytest.approx(184 / 3 - 51.0)
    assert pd.isna(found["over_random_top1_half_width"])


def taught(label: str, seed: int, made: str, image_seed: int, **more: str) -> dict[str, str]:
    distilled = made != "r"
    return {
        "labels": label,
        "images": f"{made} {label}" if distilled else made,
        "images_of_any_teacher": made,
        "image_seeds": f"[{image_seed}]",
        "teacher_seeds": f"[[{seed}], [{seed if distilled else ''}]]",
        **more,
    }


#: Two sets of one teacher and one of each of two others.
TEACHERS: list[Line] = [
    ("random,fd2,base", taught("cal", 0, "r", 0), (50.0, 52.0)),
    ("random,fd2,set-1", taught("cal", 0, "r", 1), (52.0, 54.0)),
    ("random,fd2,one", taught("cal-one", 1, "r", 1), (40.0, 40.0)),
    ("random,fd2,two", taught("cal-two", 2, "r", 2), (60.0, 60.0)),
    ("sre2lpp,fd2,base", taught("cal", 0, "a", 0), (55.0, 57.0)),
    ("sre2lpp,fd2,set-1", taught("cal", 0, "a", 1), (59.0, 61.0)),
    ("sre2lpp,fd2,one", taught("cal-one", 1, "a", 1), (41.0, 43.0)),
    ("sre2lpp,fd2,two", taught("cal-two", 2, "a", 2), (57.0, 57.0)),
    # The same teacher by another name, students trained otherwise, images made otherwise.
    ("sre2lpp,fd2,again", taught("cal-x", 1, "a", 1), (1.0, 1.0)),
    ("sre2lpp,fd2,long", taught("cal-one", 1, "a", 1, training="long"), (2.0, 2.0)),
    ("sre2lpp,fd2,rate", taught("cal-one", 1, "b", 1), (3.0, 3.0)),
]


def test_several_teachers_are_compared_teacher_by_teacher(table: Callable[..., Table]) -> None:
    built = table(TEACHERS, (0, 1))
    mine, real = [58.0, 42.0, 57.0], [52.0, 40.0, 60.0]
    gains = [a - b for a, b in zip(mine, real, strict=True)]
    for variant in ("base", "set-1", "one", "two"):
        found = row(built, f"sre2lpp,fd2,{variant}")
        assert (found["over"], found["repeats"]) == ("teachers", 3)
        assert found["repeats_top1_mean"] == pytest.approx(statistics.fmean(mine))
        assert found["repeats_top1_sd"] == pytest.approx(statistics.stdev(mine))
        gain = (found["over_random_top1"], found["over_random_top1_half_width"])
        assert gain == pytest.approx(mean_by_hand(gains), rel=1e-5)
    assert row(built, "random,fd2,base")["repeats_top1_mean"] == pytest.approx(152 / 3)
    for variant in ("long", "rate"):
        assert row(built, f"sre2lpp,fd2,{variant}")["over"] == "students"


def test_a_teacher_without_one_side_is_left_out(table: Callable[..., Table]) -> None:
    lines: list[Line] = [
        (names, facts, () if facts["labels"] != "cal" else values)
        for names, facts, values in TEACHERS
    ]
    found = row(table(lines, (0, 1)), "sre2lpp,fd2,base")
    assert found["over_random_top1"] == pytest.approx(6.0)
    assert pd.isna(found["over_random_top1_half_width"]) and found["repeats"] == 1
    crossed: list[Line] = [
        (names, facts, values if names in ("random,fd2,one", "sre2lpp,fd2,base") else ())
        for names, facts, values in TEACHERS
    ]
    found = row(table(crossed, (0, 1)), "sre2lpp,fd2,base")
    assert pd.isna(found["over_random_top1"]), "a teacher's images under another one's labels"


def test_teachers_of_other_trainings_are_independent(table: Callable[..., Table]) -> None:
    plain: list[Line] = [
        (names.replace("fd2", "plain"), {**facts, "labels": f"plain {facts['labels']}"}, (value,))
        for (names, facts, _), value in zip(TEACHERS[4:8], (50.0, 50.0, 45.0, 46.0), strict=True)
    ]
    found = row(table([*TEACHERS, *plain], (0, 1)), "sre2lpp,fd2,base")
    difference = (found["fd2_minus_plain_top1"], found["fd2_minus_plain_top1_half_width"])
    expected = welch_by_hand([58.0, 42.0, 57.0], [50.0, 45.0, 46.0])
    assert difference == pytest.approx(expected, rel=1e-5)


def test_hard_labels_pair_no_teachers(table: Callable[..., Table]) -> None:
    """Teachers that distil but do not label: one group of random images is the other side."""
    lines: list[Line] = [
        ("random,plain,base", taught("hard", 0, "r", 0, teacher_seeds="[[], []]"), (50.0,)),
        ("sre2lpp,plain,base", taught("hard", 0, "a", 0, teacher_seeds="[[], [0]]"), (55.0,)),
        ("sre2lpp,plain,one", taught("hard", 1, "a", 0, teacher_seeds="[[], [1]]"), (57.0,)),
    ]
    lines[2][1]["images"] = "a one"  # type: ignore[index]
    found = row(table(lines, (0,)), "sre2lpp,plain,one")
    assert (found["over"], found["repeats"]) == ("teachers", 2)
    assert found["over_random_top1"] == pytest.approx(6.0)
    assert pd.isna(found["over_random_top1_half_width"])
