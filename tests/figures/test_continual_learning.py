"""Accuracy over the classes seen, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from fd2.errors import FD2Error
from fd2.figures.continual_learning import inputs, steps_of
from fd2.stages.draw import draw


@pytest.fixture
def spec(rows: list[dict[str, str]]) -> dict[str, Any]:
    full = {"method": "full", "fd2": "plain", "variant": "base"}
    names = {"kind": "continual_learning", "dataset": "d", "ipc": 3, "student": "s", "steps": 2}
    return {**names, "rows": [*rows, full]}


@pytest.fixture
def files(
    spec: dict[str, Any],
    save_record: Callable[..., Path],
    locate: Callable[..., dict[str, list[Path]]],
) -> dict[str, list[Path]]:
    """Row k: top-1 of 60 + k + the seed after four classes, of 30 + k after eight."""
    found = locate(inputs(spec, [0, 2]))
    for row in range(3):
        for seed, path in zip((0, 2), found[f"row{row}"], strict=True):
            points = ((4, 60.0 + row + seed), (8, 30.0 + row))
            steps = [{"seen": n, "top1": v, "balanced_top1": v / 2} for n, v in points]
            save_record(path, result={"steps": steps})
    return found


def test_inputs_are_the_records_of_each_row(spec: dict[str, Any]) -> None:
    row = "continual/d/sre2lpp/fd2/base/ipc3/s/steps2"
    found = inputs(spec, [0, 7])
    assert found["row1"] == [f"{row}/seed{seed}.json" for seed in (0, 7)]
    assert found["row2"][1] == "continual/d/full/s/plain/steps2/seed7.json"


def test_means_and_intervals(spec: dict[str, Any], files: dict[str, list[Path]]) -> None:
    frame = steps_of(spec, files).set_index(["label", "seen"])
    first = frame.loc[("SRe²L++ + FD²", 4)]
    assert (first["n"], first["top1_mean"], first["balanced_top1_mean"]) == (2, 62, 31)
    half = stats.t.ppf(0.975, 1) * 2**0.5 / 2**0.5
    assert first["top1_half_width"] == pytest.approx(half)
    assert frame.loc[("Real training images", 8), "top1_half_width"] == 0
    alone = {role: paths[:1] for role, paths in files.items()}
    assert steps_of(spec, alone)["top1_half_width"].isna().all()


def test_drawing_twice_gives_the_same_files(
    spec: dict[str, Any], files: dict[str, list[Path]], tmp_path: Path
) -> None:
    for name in ("a", "b"):
        draw(spec, files, tmp_path / name / "seen")
    for kind in ("png", "pdf", "csv"):
        first, second = (tmp_path / name / f"seen.{kind}" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
    assert len(pd.read_csv(tmp_path / "a" / "seen.csv")) == 6


def test_a_file_without_steps_is_named(
    spec: dict[str, Any], files: dict[str, list[Path]], save_record: Callable[..., Path]
) -> None:
    save_record(files["row1"][0], result={})
    with pytest.raises(FD2Error, match="damaged file: KeyError 'steps'") as caught:
        steps_of(spec, files)
    assert caught.value.where == str(files["row1"][0])
