"""Label-robust and augmentation-robust scores against numbers worked out by hand."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import pandas as pd
import pytest
from tests.tables.conftest import TEMPLATES, write_cell, write_teacher

from fd2.config.names import Cell, SetName
from fd2.stages.tabulate import tabulate
from fd2.tables.scores import augmentation_robust_score, label_robust_score

SHEET, RESULTS = Path("t.csv"), Path("results")
#: Top-1 of three seeds by method and variant; the teacher of all images has 70.
STUDENTS = {
    ("rded", "soft"): (42.0, 40.0, 41.0),
    ("rded", "hard"): (20.0, 24.0, 22.0),
    ("rded", "asis"): (33.0, 30.0, 30.0),
    ("random", "soft"): (36.0, 38.0, 34.0),
    ("random", "asis"): (31.0, 32.0, 30.0),
}


def filled(*rows: str, left_out: tuple[str, str, int] | None = None) -> pd.DataFrame:
    """The csv of a sheet of scores with the students above."""
    head = ["# kind: scores", "dataset,method,fd2,variant,ipc,student,hard,unaugmented"]
    SHEET.write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")
    write_teacher(RESULTS, "d", "convnet", "plain")
    for (method, variant), values in STUDENTS.items():
        for seed, top1 in enumerate(values):
            if (method, variant, seed) != left_out:
                cell = Cell(SetName("d", method, "plain", variant), 1, "convnet", seed)
                write_cell(RESULTS, cell, top1, top1 / 2)
    tabulate(SHEET, RESULTS, [0, 1, 2], [], TEMPLATES, RESULTS / "tables/t")
    return pd.read_csv(RESULTS / "tables/t.csv", keep_default_na=False, na_values=[""])


def normalised(value: float) -> float:
    return (math.exp(value) - math.exp(-1)) / (math.e - math.exp(-1))


def test_scores_at_their_ends() -> None:
    """Everything lost, nothing gained nor lost, everything gained."""
    assert label_robust_score(1.0, -1.0) == pytest.approx(0, abs=1e-12)
    assert label_robust_score(-1.0, 1.0) == pytest.approx(1)
    assert augmentation_robust_score(1.0, 1.0) == pytest.approx(1)
    # Of α = 0: 0.632121 / 2.350402.
    assert label_robust_score(0.0, 0.0) == pytest.approx(0.268941, abs=1e-6)
    # Of α = −0.22: 0.434640 / 2.350402.
    assert label_robust_score(0.5, 0.06) == pytest.approx(0.184921, abs=1e-6)
    assert label_robust_score(0.5, 0.06, 1) == augmentation_robust_score(0.06, 9.0, 1)


def test_pairs_of_the_same_seed() -> None:
    row = filled("d,rded,plain,soft,1,convnet,hard,asis").iloc[0]
    recovery, improvement, plain = [0.50, 0.46, 0.48], [0.06, 0.02, 0.07], [0.02, -0.02, 0.0]
    lrs = [normalised((i - h) / 2) for i, h in zip(improvement, recovery, strict=True)]
    ars = [normalised((a + b) / 2) for a, b in zip(improvement, plain, strict=True)]
    for name, values in (
        *(("hlr", recovery), ("ior", improvement), ("unaugmented_gain", plain)),
        *(("lrs", lrs), ("ars", ars)),
    ):
        assert row[f"{name}_mean"] == pytest.approx(statistics.mean(values), abs=1e-4), name
        assert row[f"{name}_std"] == pytest.approx(statistics.stdev(values), abs=1e-4), name
    found = row[["full_top1", "own_top1", "hard_top1", "random_own_top1"]].tolist()
    assert found == [70, 41, 22, 36] and row["n"] == 3
    text = (RESULTS / "tables/t.md").read_text(encoding="utf-8")
    assert f"{statistics.mean(lrs):.3f} ± {statistics.stdev(lrs):.3f} | +0.480 ± 0.020 |" in text
    assert "| 70.0 | 22.0 | 41.0 | 36.0 |" in text and "(hard)" not in text


def test_random_images_are_their_own_measure_and_labels_may_be_class_labels() -> None:
    frame = filled("d,random,plain,soft,1,convnet,,asis", "d,rded,plain,hard,1,convnet,,")
    assert frame["ior_mean"].fillna(-1).tolist() == [0, -1]
    assert frame["ars_mean"].iloc[0] == pytest.approx(0.2689, abs=1e-4)
    # No random images under class labels are there.
    assert frame["n"].tolist() == [3, 0] and frame["hlr_mean"].iloc[1] == pytest.approx(0.48)
    assert "snakemake results/students/d/random/plain/hard" in frame["missing"].iloc[1]


def test_a_pair_that_is_not_there_is_left_out() -> None:
    left_out = ("random", "soft", 1)
    row = filled("d,rded,plain,soft,1,convnet,hard,asis", left_out=left_out).iloc[0]
    assert row["n"] == 2 and row["ior_mean"] == pytest.approx(0.065)
    text = (RESULTS / "tables/t.md").read_text(encoding="utf-8")
    assert "(n=2 of 3)" in text and "## Missing results" in text
