"""Bytes of sets beside their accuracy, and the random images that they are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest
from tests.tables.conftest import FACTS, TEMPLATES, write_cell, write_teacher

from fd2.artifacts.files import read_json
from fd2.config.names import Cell, SetName
from fd2.stages.tabulate import tabulate

SHEET = Path("t.csv")
RESULTS = Path("results")
#: Of each row: method, variant, images per class, bytes of images and labels, top-1 of two seeds.
ROWS = (
    ("random", "hard", 1, 100, 8, (10.0, 12.0)),
    ("random", "hard", 3, 300, 24, (20.0, 22.0)),
    ("random", "base", 1, 100, 150, (15.0, 17.0)),
    ("dm", "base", 1, 100, 150, (30.0, 32.0)),
    ("dm", "hard", 1, 100, 8, (25.0, 27.0)),
    ("dm", "small", 1, 90, 8, (24.0, 26.0)),
    ("dm", "base", 3, 300, 150, (40.0, 42.0)),
)


def filled(
    rows: Sequence[tuple[str, str, int, int, int, tuple[float, ...]]], kind: str = "worth"
) -> pd.DataFrame:
    """The csv of a sheet of rows; facts tell labels of ``base`` from those of others."""
    lines = [f"# kind: {kind}", "dataset,method,fd2,variant,ipc,student,label"]
    lines += ["d,full,plain,base,,convnet,"]
    facts: list[Mapping[str, str]] = [{}]
    write_teacher(RESULTS, "d", "convnet", "plain")
    for method, variant, ipc, images, labels, values in rows:
        label = "fewer" if variant == "small" else ""
        lines.append(f"d,{method},plain,{variant},{ipc},convnet,{label}")
        facts.append({**FACTS, "labels": "soft" if variant == "base" else "hard"})
        for seed, top1 in enumerate(values):
            cell = Cell(SetName("d", method, "plain", variant), ipc, "convnet", seed)
            sizes = {"image_bytes": images, "label_bytes": labels, "rate_bytes": 0}
            write_cell(RESULTS, cell, top1, top1 / 2, bytes=sizes)
    SHEET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    tabulate(SHEET, RESULTS, [0, 1], facts, TEMPLATES, RESULTS / "tables/t")
    return pd.read_csv(RESULTS / "tables/t.csv", keep_default_na=False, na_values=[""])


def test_random_images_of_no_more_bytes() -> None:
    """The most of those that fit, whatever their number and labels."""
    frame = filled(ROWS)
    distilled = frame[frame["method"] == "dm"]
    assert distilled["bytes"].tolist() == [250, 108, 98, 450]
    assert distilled["over_bytes_reference"].fillna("").tolist() == [
        "Random real images IPC 1",
        "Random real images (hard) IPC 1",
        "",
        "Random real images (hard) IPC 3",
    ]
    assert distilled["over_bytes_top1"].fillna(-1).tolist() == [15, 15, -1, 20]
    assert distilled["over_random_top1"].fillna(-1).tolist()[:2] == [15, 15]
    assert distilled["over_bytes_balanced_top1"].fillna(-1).tolist() == [7.5, 7.5, -1, 10]
    assert frame["bytes"].isna().tolist() == [True, *[False] * 7]
    # What is labelled is also compared with base: 25 with 31.
    assert distilled["variant_minus_base_top1"].fillna(-1).tolist() == [-1, -1, -6, -1]
    # Two values a side with variance 2 each: t of 2 degrees of freedom, times the root of 2.
    assert distilled["over_bytes_top1_half_width"].iloc[0] == pytest.approx(4.3027 * 2**0.5, 1e-4)


def test_as_many_bytes_are_no_more() -> None:
    frame = filled([ROWS[2], (*ROWS[3][:3], 150, 100, ROWS[3][5])])
    assert frame["over_bytes_reference"].iloc[2] == "Random real images IPC 1"


def test_of_as_many_bytes_those_under_the_same_labels_are_taken() -> None:
    # A row in the place of soft labels of another kind, before the one that is meant.
    frame = filled([("random", "hard", 1, 100, 150, (20.0, 22.0)), *ROWS[2:4]])
    assert frame["over_bytes_reference"].iloc[3] == frame["label"].iloc[2] + " IPC 1"


def test_the_table_says_which_and_how_much() -> None:
    filled([*ROWS[:4], ("dm", "large", 1, 2_500_000, 0, (1.0, 2.0))])
    text = (RESULTS / "tables/t.md").read_text(encoding="utf-8")
    assert "| DM | 1 | 100 B | 150 B | 0 B | 250 B | 31.0 ± 1.4 / 15.5 ± 0.7 (n=2) |" in text
    assert "| 2.50 MB | 0 B | 0 B | 2.50 MB |" in text
    assert "| +15.0 ± 6.1 / +7.5 ± 3.0 | Random real images IPC 1 |" in text
    assert "No more bytes: " in text
    assert "bytes" in (RESULTS / "tables/t.tex").read_text(encoding="utf-8")


def test_a_table_of_students_has_the_same_and_names_other_random_images() -> None:
    worth = filled(ROWS)
    students = filled(ROWS, "students")
    shared = [name for name in worth if "byte" in name or name.startswith("over_random")]
    pd.testing.assert_frame_equal(students[shared], worth[shared])
    text = (RESULTS / "tables/t.md").read_text(encoding="utf-8")
    (sizes,) = [line for line in text.splitlines() if "300 B + 150 B" in line]
    assert sizes.split(" | ")[1] == "100 B + 150 B"
    # Of as many images they are the same as of no more bytes, but for three images a class.
    lines = [line.split(" | ") for line in text.splitlines() if "of no more bytes, where" in line]
    assert [[cell.strip(" |") for cell in line[1:]] for line in lines] == [
        ["", "+20.0 ± 6.1 / +10.0 ± 3.0 (Random real images (hard) IPC 3)"]
    ]


def test_records_without_bytes_leave_them_out() -> None:
    """Those of before they were written, and what is not there yet."""
    filled(ROWS)
    path = RESULTS / Cell(SetName("d", "dm", "plain", "base"), 1, "convnet", 0).path()
    content = read_json(path)
    assert content["bytes"]["label_bytes"] == 150
    for old in RESULTS.glob("students/d/dm/plain/base/ipc1/convnet/*.json"):
        old.unlink()
    facts = [{}, *[{**FACTS, "labels": "x"}] * len(ROWS)]
    tabulate(SHEET, RESULTS, [0, 1], facts, TEMPLATES, RESULTS / "tables/t")
    frame = pd.read_csv(RESULTS / "tables/t.csv", keep_default_na=False, na_values=[""])
    assert pd.isna(frame["bytes"].iloc[4]) and pd.isna(frame["over_bytes_reference"].iloc[4])
    assert "| missing |" in (RESULTS / "tables/t.md").read_text(encoding="utf-8")
