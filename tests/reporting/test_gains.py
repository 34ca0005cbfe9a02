"""What a distilled set gained over random real images: partner, value, spread and words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fd2.config.cells import Cell, Row
from fd2.reporting.gain_texts import labels, sentences
from fd2.reporting.gains import Gain, gains
from fd2.reporting.latex import latex
from fd2.reporting.markdown import markdown
from fd2.reporting.table import Table, build_table
from fd2.reporting.teacher_texts import teacher_caption
from fd2.reporting.teachers import build_teacher_table
from fd2.reporting.tidy import tidy

PLAIN = {"labels": "plain", "training": "t", "teachers": ["resnet18"]}
CAL = {**PLAIN, "labels": "cal"}
SEVERAL = {"labels": "several", "training": "t", "teachers": ["resnet18", "resnet50"]}
HARD: dict[str, Any] = {"labels": "hard", "training": "h", "teachers": []}
#: Rows of one dataset, three images per class, one student, with top-1 of seeds 0, 1, 2.
ROWS: list[tuple[str, Any, tuple[float, ...]]] = [
    ("full,plain,base", None, ()),
    ("random,plain,hard-labels", HARD, (30.0, 31.0, 32.0)),
    ("random,plain,base", PLAIN, (50.0, 51.0, 52.0)),
    ("random,fd2,base", CAL, (53.0, 55.0, 57.0)),
    ("sre2lpp,plain,base", PLAIN, (49.0, 50.0, 51.0)),
    ("sre2lpp,fd2,base", CAL, (57.0, 58.0, 59.0)),
    ("fadrmplus,plain,base", SEVERAL, (51.0, 52.0, 53.0)),
    ("rded,plain,long", {**PLAIN, "training": "long"}, (51.0, 51.5, 52.0)),
    ("rded,plain,hard-labels", HARD, ()),
]


@pytest.fixture
def build(
    sheet: Callable[..., Path], tmp_path: Path, write_cell: Callable[..., Path]
) -> Callable[..., Table]:
    """A table of some rows; each seed's file is written with the value given."""

    def run(rows: list[tuple[str, Any, tuple[float, ...]]], **more: Any) -> Table:
        lines = []
        for names, _, values in rows:
            method, fd2, variant = names.split(",")
            full = method == "full"
            lines.append(f"d,{names},{'' if full else 3},resnet18,")
            for seed, value in enumerate(values):
                cell = Cell("d", method, fd2, variant, 3, "resnet18", seed)
                write_cell(tmp_path, cell, value, value / 2, **more)
        return build_table(sheet(*lines), tmp_path, [0, 1, 2], None, [row[1] for row in rows])

    return run


def partners(table: Table) -> dict[str, tuple[str, str, bool]]:
    """For each row its partner, and whether the labels are the same."""

    def name(row: Row) -> str:
        return f"{row.method},{row.fd2},{row.variant}"

    return {
        name(gain.entry.row): (name(gain.reference.row), labels(gain), gain.same_labels)
        for gain in gains(table)
    }


def of(table: Table, method: str, fd2: str) -> Gain:
    return next(g for g in gains(table) if (g.entry.row.method, g.entry.row.fd2) == (method, fd2))


def test_the_partner_has_the_same_labels_where_the_table_has_such_a_row(
    build: Callable[..., Table],
) -> None:
    plain = "random,plain,base"
    assert partners(build(ROWS)) == {
        "sre2lpp,plain,base": (plain, "same", True),
        "sre2lpp,fd2,base": ("random,fd2,base", "same", True),
        "fadrmplus,plain,base": (plain, "other: those of the plain teacher resnet18", False),
        "rded,plain,long": (plain, "same; students trained otherwise", True),
        "rded,plain,hard-labels": ("random,plain,hard-labels", "same", True),
    }
    fewer = [row for row in ROWS if row[0] != "random,fd2,base"]
    assert partners(build(fewer))["sre2lpp,fd2,base"][:2] == (
        plain,
        "other: those of the plain teacher resnet18",
    )
    more = [*ROWS, ("random,plain,several", SEVERAL, ()), ("random,plain,long", ROWS[7][1], ())]
    found = partners(build(more))
    assert found["fadrmplus,plain,base"] == ("random,plain,several", "same", True)
    assert found["rded,plain,long"] == ("random,plain,long", "same", True)


def test_rows_of_another_size_or_student_are_no_partners(
    sheet: Callable[..., Path], tmp_path: Path
) -> None:
    lines = ["random,plain,base,3,resnet18", "random,plain,base,5,resnet50"]
    lines += ["rded,plain,base,5,resnet18", "random,plain,base,3,resnet50"]
    path = sheet(*(f"d,{line}," for line in lines), "e,rded,plain,base,3,resnet18,")
    assert gains(build_table(path, tmp_path, [0], None, [PLAIN] * 5)) == []
    assert gains(build_table(path, tmp_path, [0])) == [], "without settings nothing is known"


def test_value_and_spread_by_hand(build: Callable[..., Table]) -> None:
    table = build(ROWS)
    gain = of(table, "sre2lpp", "fd2")
    assert gain.value("top1") == pytest.approx(58.0 - 55.0)
    # Variances 1 and 4 of three seeds each.
    assert gain.pooled_std("top1") == pytest.approx(math.sqrt((2 * 1 + 2 * 4) / 4))
    assert gain.verdict("top1") == "exceeds the spread over seeds"
    assert gain.value("balanced_top1") == pytest.approx(1.5)
    frame = tidy(table).set_index(["method", "fd2", "variant"])
    row = frame.loc[("sre2lpp", "fd2", "base")]
    assert row["gain_top1"] == pytest.approx(3.0)
    assert row["gain_top1_std"] == pytest.approx(math.sqrt(2.5))
    assert (row["gain_over"], row["gain_labels"]) == ("random/fd2/base", "same")
    assert frame.loc[("random", "plain", "base")].isna()["gain_top1"]


def test_one_sentence_a_set_that_is_there(build: Callable[..., Table]) -> None:
    assert sentences(gains(build(ROWS))) == [
        "SRe²L++, d, 3 images per class, student resnet18: −1.0 points against random real images "
        "under the same labels (spread over seeds 1.0): within the spread.",
        "SRe²L++ + FD², d, 3 images per class, student resnet18: +3.0 points over random real "
        "images under the same labels (spread over seeds 1.6): exceeds the spread.",
        "FADRM+, d, 3 images per class, student resnet18: +1.0 points over random real images "
        "under other labels (those of the plain teacher resnet18) (spread over seeds 1.0): within "
        "the spread.",
        "RDED (long), d, 3 images per class, student resnet18: +0.5 points over random real "
        "images under the same labels, with students trained otherwise (spread over seeds 0.8): "
        "within the spread.",
    ]


def test_a_loss_is_called_one(build: Callable[..., Table]) -> None:
    rows = [row for row in ROWS if row[0] in ("random,plain,base", "sre2lpp,plain,base")]
    rows[-1] = (*rows[-1][:2], (40.0, 41.0, 42.0))
    (sentence,) = sentences(gains(build(rows)))
    assert sentence.endswith(
        "−10.0 points against random real images under the same labels (spread over seeds 1.0): "
        "exceeds the spread, a loss."
    )


def test_one_seed_has_no_spread_to_exceed(build: Callable[..., Table]) -> None:
    rows = [(names, training, values[:1]) for names, training, values in ROWS]
    (first, *_) = sentences(gains(build(rows)))
    assert first.endswith("under the same labels (one seed each): the spread is unknown.")


def test_texts_have_the_section(build: Callable[..., Table]) -> None:
    table = build(ROWS)
    text = markdown(table)
    section = text.split("## Gain over random real images under the same labels\n\n")[1]
    told, grid = section.split("\n\n")[:2]
    assert told.splitlines() == [f"- {sentence}" for sentence in sentences(gains(table))]
    assert grid.splitlines()[3] == (
        "| SRe²L++ + FD² | d | 3 | resnet18 | same | +3.0 | 1.6 | – | exceeds the spread over "
        "seeds | +1.5 | 0.8 | – | exceeds the spread over seeds |"
    )
    assert grid.splitlines()[-1].count("missing") == 2
    tex = latex(table)
    assert tex.isascii()
    assert r"\label{tab:t_1-gain}" in tex and r"Table~\ref{tab:t_1}" in tex
    assert (
        r"SRe\textsuperscript{2}L++ + FD\textsuperscript{2} & d & 3 & resnet18 & same & +3.0 "
        in tex
    )
    assert "Random real images, labels of the CAL teacher" in text


def test_captions_tell_held_out_images_from_test_images(
    build: Callable[..., Table],
    sheet: Callable[..., Path],
    tmp_path: Path,
    write_cell: Callable[..., Path],
) -> None:
    said = "d: tested on held-out training images, not on the test images."
    plain = markdown(build(ROWS))
    assert said not in plain and "in percent on the test images at the last epoch" in plain
    table = build(ROWS, tested_on="held-out training images")
    for text in (markdown(table), latex(table)):
        assert said in text
        assert "in percent on held-out training images at the last epoch" in text
    assert tidy(table)["tested_on"].tolist()[4] == "held-out training images"
    write_cell(tmp_path, Cell("e", "rded", "plain", "base", 3, "resnet18", 0), 50.0, 25.0)
    mixed = sheet("d,random,plain,base,3,resnet18,", "e,rded,plain,base,3,resnet18,")
    text = markdown(build_table(mixed, tmp_path, [0]))
    assert said in text
    assert re.search(r"percent on the test images, or on held-out training images where", text)


def test_the_table_of_teachers_says_it_too(
    tmp_path: Path, write_teacher: Callable[..., Path]
) -> None:
    path = tmp_path / "teachers.csv"
    path.write_text("dataset,backbone,published_backbone,published_cal\nd,resnet18,,\n")
    write_teacher(tmp_path, "d", "resnet18", "cal")
    assert "held-out" not in " ".join(teacher_caption(build_teacher_table(path, tmp_path)))
    write_teacher(tmp_path, "d", "resnet18", "cal", tested_on="held-out training images")
    text = " ".join(teacher_caption(build_teacher_table(path, tmp_path)))
    assert "d: tested on held-out training images, not on the test images." in text
