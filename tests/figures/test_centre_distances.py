"""Which distances are drawn, and where they are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from fd2.errors import FD2Error
from fd2.figures.centre_distances import distances, inputs
from fd2.stages.draw import draw

Locate = Callable[..., dict[str, list[Path]]]
REAL = {"method": "full", "fd2": "plain", "variant": "base"}


@pytest.fixture
def spec(rows: list[dict[str, str]]) -> dict[str, Any]:
    return {
        **{"kind": "centre_distances", "dataset": "d", "ipc": 2},
        **{"backbone": "resnet10t", "training": "cal", "rows": [REAL, rows[1]]},
    }


@pytest.fixture
def files(
    spec: dict[str, Any], make_diagnosis: Callable[..., Path], locate: Locate
) -> dict[str, list[Path]]:
    named = inputs(spec, [0])
    make_diagnosis(named["row0"][0], torch.ones(3, 2), [0, 1, 2])
    make_diagnosis(named["row1"][0], torch.ones(3, 2), [0, 1, 2], (1.0, 0.5, 0.75), (2, 0, 0))
    return locate(named)


def test_inputs_are_diagnoses_by_the_network(spec: dict[str, Any]) -> None:
    assert inputs(spec, [0, 1]) == {
        "row0": ["diagnostics/d/full/resnet10t/cal.safetensors"],
        "row1": ["diagnostics/d/sre2lpp/fd2/base/ipc2/resnet10t/cal.safetensors"],
        "manifest": ["data/d/manifest.json"],
    }


def test_each_class_with_its_nearest(spec: dict[str, Any], files: dict[str, list[Path]]) -> None:
    frame = distances(spec, files)
    assert frame["label"].tolist() == ["Real training images"] * 3 + ["SRe²L++ + FD²"] * 3
    assert frame["class"].tolist() == ["ant", "bee", "cat"] * 2
    assert frame["nearest"].tolist() == ["bee", "cat", "bee", "cat", "ant", "ant"]
    assert frame["distance"].tolist() == pytest.approx([0.1, 0.2, 0.3, 1.0, 0.5, 0.75])


def test_drawing_twice_gives_the_same_files(
    spec: dict[str, Any], files: dict[str, list[Path]], tmp_path: Path
) -> None:
    for name in ("a", "b"):
        draw(spec, files, tmp_path / name / "centres")
    for kind in ("png", "pdf", "csv"):
        first, second = (tmp_path / name / f"centres.{kind}" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
    assert len(pd.read_csv(tmp_path / "a" / "centres.csv")) == 6


def test_diagnoses_of_other_data_are_refused(
    spec: dict[str, Any], files: dict[str, list[Path]], make_diagnosis: Callable[..., Path]
) -> None:
    make_diagnosis(inputs(spec, [0])["row1"][0], torch.ones(3, 2), [0, 1, 2], digest="other")
    with pytest.raises(FD2Error, match="different manifests"):
        distances(spec, files)
