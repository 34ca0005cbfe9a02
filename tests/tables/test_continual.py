"""The table of classes that arrive in steps, from known accuracies."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.tables.conftest import FACTS, TEMPLATES, check_golden, record

from fd2.config.rows import ContinualRow
from fd2.errors import FD2Error
from fd2.stages.tabulate import tabulate

RESULTS = Path("results")
SEEDS = [0, 1, 2]
SHEET = """\
# kind: continual
# A note.
dataset,method,fd2,variant,ipc,student,steps,label
d_1,full,plain,base,,r,2,
d_1,random,plain,base,3,r,2,
d_1,sre2lpp,fd2,base,3,r,2,
d_1,dm,plain,hard,3,r,2,other labels
d_1,random,plain,base,3,r,3,
d_1,sre2lpp,fd2,base,3,r,3,
"""
FULL = ContinualRow("d_1", "full", "plain", "base", None, "r", 2)
RANDOM = ContinualRow("d_1", "random", "plain", "base", 3, "r", 2)
OURS = ContinualRow("d_1", "sre2lpp", "fd2", "base", 3, "r", 2)
#: Of each seed, top-1 after two and after four classes; the balanced one is half of it.
ACCURACIES = {
    RANDOM: [(60.0, 40.0), (50.0, 30.0), (70.0, 35.0)],
    OURS: [(64.0, 41.0), (53.0, 37.0), (75.0, 39.0)],
}


def learned(row: ContinualRow, seed: int, *top1: float, **more: Any) -> Path:
    if row.ipc is None:
        names: dict[str, Any] = {**asdict(row.students.teacher), "seed": seed}
    else:
        names = row.students.cells([seed])[0].fields()
    steps = [
        {"seen": 2 * number, "top1": value, "balanced_top1": value / 2}
        for number, value in enumerate(top1, 1)
    ]
    content = {"continual": {**names, "steps": row.steps}, "preset": "paper", "resolution": 32}
    (path,) = row.sources([seed])
    return record(RESULTS / path, **{**content, "result": {"steps": steps}, **more})


def learn_all() -> None:
    for row, accuracies in ACCURACIES.items():
        for seed, top1 in enumerate(accuracies):
            learned(row, seed, *top1)
    learned(FULL, 0, 95.0, 90.0)


def fill(text: str = SHEET, name: str = "continual") -> pd.DataFrame:
    """Write a sheet and its table; the csv."""
    path = Path(f"sheet/{name}.csv")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    facts = []
    for line in text.splitlines()[3:]:
        own = {"labels": "hard"} if ",hard," in line else {}
        facts.append({} if ",full," in line else {**FACTS, **own})
    tabulate(path, RESULTS, SEEDS, facts, TEMPLATES, Path(name))
    return pd.read_csv(f"{name}.csv")


def test_golden_steps() -> None:
    learn_all()
    frame = fill()
    check_golden(Path(), "continual")
    assert len(frame) == 4 * 2 + 2 * 3
    # No row of three steps has a result that tells how many classes there are.
    assert frame["seen"].tolist()[:8] == [2, 4] * 4 and frame["seen"][8:].isna().all()


def test_intervals_are_of_the_seeds_and_differences_paired_by_them() -> None:
    """Against numbers by hand, for each step alone."""
    learn_all()
    lines = fill().set_index(["method", "steps", "step"])
    quantile = stats.t.ppf(0.975, 2)
    for step in (1, 2):
        ours, theirs = (
            np.array([top1[step - 1] for top1 in ACCURACIES[row]]) for row in (OURS, RANDOM)
        )
        line = lines.loc[("sre2lpp", 2, step)]
        assert line["n"] == 3 and line["reference"] == "random/plain/base"
        for values, name, half in (
            (ours, "top1_mean", "top1_half_width"),
            (ours - theirs, "over_random_top1", "over_random_top1_half_width"),
        ):
            assert line[name] == pytest.approx(values.mean(), abs=1e-4)
            wanted = quantile * values.std(ddof=1) / 3**0.5
            assert line[half] == pytest.approx(wanted, abs=1e-4)
            assert line[name.replace("top1", "balanced_top1")] == pytest.approx(
                values.mean() / 2, abs=1e-4
            )
    # One teacher has no interval, and nothing to be compared with.
    full = lines.loc[("full", 2, 2)]
    assert full["top1_mean"] == 90 and np.isnan(full["top1_half_width"])
    assert np.isnan(full["over_random_top1"])
    # Random images of as many steps, which are not there.
    assert lines.loc[("sre2lpp", 3, 1), "reference"] == "random/plain/base"
    assert np.isnan(lines.loc[("sre2lpp", 3, 1), "over_random_top1"])
    assert lines.loc[("dm", 2, 1), "reference_trained"] == "labels"


def test_a_seed_without_a_partner_is_left_out_of_the_difference() -> None:
    learn_all()
    Path(RESULTS, RANDOM.sources([1])[0]).unlink()
    line = fill().set_index(["method", "steps", "step"]).loc[("sre2lpp", 2, 1)]
    assert line["n"] == 3 and line["over_random_top1"] == pytest.approx(4.5)
    shown = Path("continual.md").read_text(encoding="utf-8")
    assert f"snakemake results/{RANDOM.sources([1])[0]}" in shown and "(n=2 of 3)" in shown


def test_without_results_all_is_missing() -> None:
    frame = fill()
    assert (frame["n"] == 0).all() and frame["top1_mean"].isna().all()
    asked = [path for text in frame["missing"].unique() for path in text.split()[1:]]
    assert len(asked) == 6 * 3
    shown = Path("continual.md").read_text(encoding="utf-8")
    assert "Missing: 18 of 18 results." in shown and "none" not in shown.lower()


def test_results_of_something_else_are_refused() -> None:
    learn_all()
    learned(OURS, 0, 1.0, 2.0, manifest="other")
    with pytest.raises(FD2Error, match="different manifests"):
        fill()
    learned(OURS, 0, 1.0, 2.0, continual={"steps": 3})
    with pytest.raises(FD2Error, match="holds the numbers of"):
        fill()
    learned(OURS, 0, 1.0, result={})
    with pytest.raises(FD2Error, match="damaged file: KeyError 'steps'"):
        fill()
    with pytest.raises(FD2Error, match=r"top1' is 101"):
        learned(OURS, 0, 101.0)
