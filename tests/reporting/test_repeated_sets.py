"""Several sets by the same settings: which rows belong together, mean, spread, gain and words."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fd2.reporting.caption import caption
from fd2.reporting.latex import latex
from fd2.reporting.markdown import markdown
from fd2.reporting.repeated_sets import RepeatedSet, repeated_sets
from fd2.reporting.table import Table, build_table
from fd2.reporting.tidy import tidy

PLAIN = {
    **{"labels": "plain", "labels_of_any_seed": "plain", "training": "t"},
    **{"teachers": ["resnet18"], "teacher_seeds": [0]},
}
LONG = {**PLAIN, "training": "long"}
#: Rows of one dataset, three images per class, one student: names, training, recipe and seeds of
#: the images, top-1 of the students' seeds.
ROWS: list[tuple[str, Any, str, list[int], tuple[float, ...]]] = [
    ("random,plain,base", PLAIN, "r", [0], (50.0, 52.0)),
    ("random,plain,set-1", PLAIN, "r", [1], (54.0, 54.0)),
    ("sre2lpp,plain,base", PLAIN, "a", [0, 0], (60.0, 62.0)),
    ("sre2lpp,plain,rate", PLAIN, "b", [0, 0], (70.0, 72.0)),
    ("sre2lpp,plain,set-1", PLAIN, "a", [1, 1], (63.0, 65.0)),
    ("sre2lpp,plain,set-2", PLAIN, "a", [2, 2], (57.0, 61.0)),
    ("sre2lpp,plain,again", PLAIN, "a", [2, 2], (1.0, 1.0)),
    ("sre2lpp,plain,long", LONG, "a", [0, 0], (80.0, 80.0)),
    ("sre2lpp,plain,long-set-1", LONG, "a", [1, 1], ()),
]


@pytest.fixture
def build(trained_rows: Callable[..., Table]) -> Callable[..., Table]:
    def run(rows: list[tuple[str, Any, str, list[int], tuple[float, ...]]]) -> Table:
        return trained_rows([(n, t, made(recipe, seeds), v) for n, t, recipe, seeds, v in rows])

    return run


def made(recipe: str, seeds: list[int]) -> dict[str, Any]:
    own = {"recipe": recipe, "recipe_of_any_seed": recipe}
    return {**own, "seeds": seeds, "teacher_seeds": []}


def variants(sets: RepeatedSet) -> list[str]:
    return [entry.row.variant for entry in sets.entries]


def test_rows_that_differ_in_the_images_seeds_alone_belong_together(
    build: Callable[..., Table],
) -> None:
    random, distilled, long = repeated_sets(build(ROWS))
    assert variants(random) == ["base", "set-1"] and random.random is None
    # Neither another recipe, nor students trained otherwise, nor the same seeds once more.
    assert variants(distilled) == ["base", "set-1", "set-2"]
    assert distilled.random == random
    assert variants(long) == ["long", "long-set-1"]
    assert long.random is None, "no random images whose students are trained as long"


def test_mean_spread_and_gain_by_hand(build: Callable[..., Table]) -> None:
    _, distilled, _ = repeated_sets(build(ROWS))
    sets, random = [61.0, 64.0, 59.0], [51.0, 54.0]
    assert distilled.mean("top1") == pytest.approx(statistics.fmean(sets))
    assert distilled.std("top1") == pytest.approx(statistics.stdev(sets))
    assert distilled.gain("top1") == pytest.approx(statistics.fmean(sets) - 52.5)
    squares = 2 * statistics.variance(sets) + statistics.variance(random)
    assert distilled.gain_std("top1") == pytest.approx(math.sqrt(squares / 3))
    assert distilled.verdict("top1") == "exceeds the spread between sets"
    assert distilled.mean("balanced_top1") == pytest.approx(statistics.fmean(sets) / 2)


def test_one_set_of_random_images_is_compared_with_too(build: Callable[..., Table]) -> None:
    distilled, _ = repeated_sets(build([row for row in ROWS if row[0] != "random,plain,set-1"]))
    assert distilled.gain("top1") == pytest.approx(184 / 3 - 51.0)
    assert distilled.gain_std("top1") == pytest.approx(statistics.stdev([61.0, 64.0, 59.0]))


def test_students_count_once_a_set(build: Callable[..., Table]) -> None:
    rows = [(*row[:4], row[4] if row[0] != "sre2lpp,plain,base" else (60.0,)) for row in ROWS]
    _, distilled, _ = repeated_sets(build(rows))
    assert distilled.mean("top1") == pytest.approx((60 + 64 + 59) / 3)


def test_what_is_missing_has_no_numbers(build: Callable[..., Table]) -> None:
    *_, long = repeated_sets(build(ROWS))
    assert long.mean("top1") == 80.0 and long.std("top1") is None
    rows = [(*row[:4], () if row[0].startswith("random") else row[4]) for row in ROWS]
    _, alone, _ = repeated_sets(build(rows))
    assert alone.gain("top1") is None and alone.verdict("top1") == "missing"
    rows = [row if row[0].endswith("base") else (*row[:4], ()) for row in ROWS]
    _, single, _ = repeated_sets(build(rows))
    assert single.gain("top1") == pytest.approx(10.0)
    assert single.verdict("top1") == "one set each: the spread is unknown"


def test_a_table_of_one_set_a_row_says_what_its_spreads_leave_out(
    build: Callable[..., Table],
) -> None:
    said = "Each row is one set of images by one teacher"
    assert said in " ".join(caption(build([ROWS[0], ROWS[2]])))
    assert said not in " ".join(caption(build(ROWS))), "the means over sets say it with numbers"
    assert said not in " ".join(caption(build(ROWS[:1]))), "no distilled set"


def test_a_table_without_repeated_sets_or_config_has_none(
    build: Callable[..., Table], sheet: Callable[..., Path], tmp_path: Path
) -> None:
    table = build(ROWS[2:4])
    assert repeated_sets(table) == []
    assert "several sets" not in markdown(table) and "-sets}" not in latex(table)
    assert tidy(table)["sets"].isna().all()
    path = sheet("d,random,plain,base,3,resnet18,", "d,random,plain,set-1,3,resnet18,")
    assert repeated_sets(build_table(path, tmp_path, [0])) == []


def test_texts_have_the_section(build: Callable[..., Table]) -> None:
    table = build(ROWS)
    section = markdown(table).split("## Means over several sets by the same settings\n\n")[1]
    lines = section.split("\n\n")[1].splitlines()
    assert lines[0].startswith(
        "| method | dataset | IPC | student | sets | top1 | gain | pooled std"
    )
    assert lines[2:] == [
        "| Random real images | d | 3 | resnet18 | 2 | 52.5 ± 2.1 |  |  |  |  "
        "| 26.2 ± 1.1 |  |  |  |  |",
        "| SRe²L++ | d | 3 | resnet18 | 3 | 61.3 ± 2.5 | +8.8 | 2.4 | – | exceeds the spread "
        "between sets | 30.7 ± 1.3 | +4.4 | 1.2 | – | exceeds the spread between sets |",
        "| SRe²L++ (long) | d | 3 | resnet18 | 1 of 2 | 80.0 ± – |  |  |  |  "
        "| 40.0 ± – |  |  |  |  |",
    ]
    tex = latex(table)
    assert tex.isascii() and r"\label{tab:t_1-sets}" in tex
    assert (
        r"SRe\textsuperscript{2}L++ & d & 3 & resnet18 & 3 & 61.3 $\pm$ 2.5 & +8.8 $\pm$ 2.4" in tex
    )


def test_each_row_of_the_csv_has_its_group(build: Callable[..., Table]) -> None:
    frame = tidy(build(ROWS)).set_index("variant")
    distilled = frame[frame["method"] == "sre2lpp"]
    assert distilled["sets"].dropna().to_dict() == {
        "base": 3,
        "set-1": 3,
        "set-2": 3,
        "long": 1,
        "long-set-1": 1,
    }
    row = distilled.loc["set-1"]
    assert row["sets_top1_mean"] == pytest.approx(184 / 3)
    assert row["sets_gain_top1"] == pytest.approx(184 / 3 - 52.5)
    assert row["sets_gain_top1_verdict"] == "exceeds the spread between sets"
