"""Means and ranges over seeds of training curves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fd2.errors import FD2Error
from fd2.figures import training_curves
from fd2.figures.training_curves import curves, inputs
from fd2.stages.draw import draw


@pytest.fixture
def spec(rows: list[dict[str, str]]) -> dict[str, Any]:
    return {"kind": "training_curves", "dataset": "d", "ipc": 3, "student": "s", "rows": rows}


@pytest.fixture
def files(
    spec: dict[str, Any],
    make_cell: Callable[..., Path],
    locate: Callable[..., dict[str, list[Path]]],
) -> dict[str, list[Path]]:
    """Row 0 with two seeds, one of which stopped testing early; row 1 the same throughout."""
    named = inputs(spec, [0, 1])
    make_cell(named["row0"][0], [(1, 10.0, 5.0), (2, 20.0, 15.0)])
    make_cell(named["row0"][1], [(1, 30.0, 6.0)])
    for path in named["row1"]:
        make_cell(path, [(1, 50.0, 50.0), (2, 60.0, 55.0)])
    return locate(named)


def test_inputs_are_the_cells_of_each_row(spec: dict[str, Any]) -> None:
    assert inputs(spec, [0, 7]) == {
        "row0": [f"students/d/random/plain/base/ipc3/s/seed{seed}.json" for seed in (0, 7)],
        "row1": [f"students/d/sre2lpp/fd2/base/ipc3/s/seed{seed}.json" for seed in (0, 7)],
    }


def test_mean_and_range_over_seeds(spec: dict[str, Any], files: dict[str, list[Path]]) -> None:
    frame = curves(spec, files).set_index(["label", "epoch"])
    first = frame.loc[("Random real images", 1)]
    assert first[["n", "top1_mean", "top1_min", "top1_max"]].tolist() == [2, 20.0, 10.0, 30.0]
    assert first["balanced_top1_mean"] == 5.5
    alone = frame.loc[("Random real images", 2)]
    assert alone[["n", "top1_mean", "top1_min", "top1_max"]].tolist() == [1, 20.0, 20.0, 20.0]
    assert frame.loc[("SRe²L++ + FD²", 2), "balanced_top1_max"] == 55.0


def test_drawing_twice_gives_the_same_files(
    spec: dict[str, Any], files: dict[str, list[Path]], tmp_path: Path
) -> None:
    for name in ("a", "b"):
        draw(spec, files, tmp_path / name / "curves.v1")
    for kind in ("png", "pdf", "csv"):
        first, second = (tmp_path / name / f"curves.v1.{kind}" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
    frame = pd.read_csv(tmp_path / "a" / "curves.v1.csv")
    assert frame["label"].unique().tolist() == ["Random real images", "SRe²L++ + FD²"]
    assert len(frame) == 4


def test_epochs_are_whole_numbers(
    spec: dict[str, Any],
    make_cell: Callable[..., Path],
    locate: Callable[..., dict[str, list[Path]]],
) -> None:
    """The quickstart's four tests, from epoch 4 to 19, had ticks at 7.5 and 12.5."""
    named = inputs(spec, [0])
    for path in (*named["row0"], *named["row1"]):
        make_cell(path, [(epoch, 10.0 + epoch, 5.0) for epoch in (4, 9, 14, 19)])
    figure, _ = training_curves.draw(spec, locate(named))
    figure.draw_without_rendering()
    ticks = [tick for axes in figure.axes for tick in axes.get_xticks()]
    assert ticks == [round(tick) for tick in ticks]


def test_a_file_without_curve_is_named(
    spec: dict[str, Any], files: dict[str, list[Path]], save_record: Callable[..., Path]
) -> None:
    save_record(files["row1"][0], result={})
    with pytest.raises(FD2Error, match="damaged file: KeyError 'curve'") as caught:
        curves(spec, files)
    assert caught.value.where == str(files["row1"][0])


def test_an_unknown_kind_is_refused(spec: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(FD2Error, match="did you mean 'training_curves'"):
        draw({**spec, "kind": "training_curve"}, {}, tmp_path / "x")
