"""Accuracy of both heads over the CAL ratio, from the teachers' files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fd2.errors import FD2Error
from fd2.figures.cal_ratio import inputs, points
from fd2.stages.draw import draw

Save = Callable[..., Path]
#: cal_ratio and top-1 of the backbone head and the CAL head.
TEACHERS = {"cal": (0.5, 70.0, 75.0), "cal-low": (0.25, 60.0, 65.0)}


@pytest.fixture
def spec() -> dict[str, Any]:
    return {
        "kind": "cal_ratio",
        "dataset": "d",
        "backbone": "resnet10t",
        "teacher_variants": ["base", "low"],
        "published": [{"cal_ratio": 0.5, "backbone": 71.0, "cal": 77.0}],
    }


def teacher(training: str, manifest: str = "m") -> dict[str, Any]:
    """What `fd2.stages.pretrain` writes of a teacher, as far as the figure reads it."""
    ratio, backbone, cal = TEACHERS[training]
    heads = {
        head: {"top1": top1, "balanced_top1": top1 - 1}
        for head, top1 in (("backbone", backbone), ("cal", cal))
    }
    return {
        "teacher": {"dataset": "d", "backbone": "resnet10t", "training": training},
        "preset": "paper",
        "manifest": manifest,
        "settings": {"cal": {"attention_maps": 8, "cal_ratio": ratio}, "accuracy": "exact"},
        "result": {
            "last": {"epoch": 3},
            "chosen": heads,
            "selected": "last",
            "majority_class_top1": 10.0,
        },
    }


@pytest.fixture
def files(
    spec: dict[str, Any], locate: Callable[..., dict[str, list[Path]]], save_record: Save
) -> dict[str, list[Path]]:
    paths = locate(inputs(spec, [0]))
    for (path,) in paths.values():
        save_record(path, **teacher(path.stem))
    return paths


def test_inputs_are_the_teachers_of_the_variants(spec: dict[str, Any]) -> None:
    assert inputs(spec, [0, 1]) == {
        "row0": ["teachers/d/resnet10t/cal.json"],
        "row1": ["teachers/d/resnet10t/cal-low.json"],
    }


def test_points_stand_by_the_ratio_that_the_teacher_was_trained_with(
    spec: dict[str, Any], files: dict[str, list[Path]]
) -> None:
    frame = points(spec, files)
    columns = ["cal_ratio", "variant", "head", "top1", "balanced_top1"]
    assert frame[columns].to_numpy().tolist() == [
        [0.25, "low", "backbone", 60.0, 59.0],
        [0.25, "low", "cal", 65.0, 64.0],
        [0.5, "base", "backbone", 70.0, 69.0],
        [0.5, "base", "cal", 75.0, 74.0],
    ]
    assert frame["published"].isna().tolist() == [True, True, False, False]
    assert frame["published"].tolist()[2:] == [71.0, 77.0]
    assert set(frame["attention_maps"]) == {8} and not frame["selected_on_test"].any()


def test_drawing_twice_gives_the_same_files(
    spec: dict[str, Any], files: dict[str, list[Path]], tmp_path: Path
) -> None:
    for name in ("a", "b"):
        draw(spec, files, tmp_path / name / "ratio")
    for kind in ("png", "pdf", "csv"):
        first, second = (tmp_path / name / f"ratio.{kind}" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
    assert len(pd.read_csv(tmp_path / "a" / "ratio.csv")) == 4


def test_teachers_of_other_data_are_refused(
    spec: dict[str, Any], files: dict[str, list[Path]], save_record: Save
) -> None:
    save_record(files["row1"][0], **teacher("cal-low", manifest="other"))
    with pytest.raises(FD2Error, match="different manifests"):
        points(spec, files)


def test_another_teacher_under_the_name_is_refused(
    spec: dict[str, Any], files: dict[str, list[Path]], save_record: Save
) -> None:
    save_record(files["row1"][0], **teacher("cal"))
    with pytest.raises(FD2Error, match="holds the numbers of") as caught:
        points(spec, files)
    assert caught.value.where == str(files["row1"][0])
