"""Activation maps on distilled images, and what an enhancement stressed while they were made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from fd2.artifacts.images import read_distilled
from fd2.artifacts.manifests import Manifest
from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.figures import area_curves, discriminative_areas
from fd2.networks.activation_maps import activation_maps
from fd2.networks.stored_teacher import build_teacher, read_teacher, write_teacher
from fd2.stages.draw import draw

Files = dict[str, list[Path]]
CPU = torch.device("cpu")


@pytest.fixture
def spec(rows: list[dict[str, str]]) -> dict[str, Any]:
    return {
        **{"kind": "discriminative_areas", "dataset": "d", "ipc": 3, "class": "bee", "slots": 2},
        **{"backbone": "convnet", "training": "plain", "maps": "grad_cam", "stretched": False},
        "rows": rows,
    }


@pytest.fixture
def files(
    spec: dict[str, Any],
    make_set: Callable[..., Path],
    locate: Callable[..., Files],
    manifest: Manifest,
) -> Files:
    found = locate(discriminative_areas.inputs(spec, [0]))
    root = found["network"][0].parents[3]
    for base, role in ((0, "row0"), (100, "row1")):
        make_set(str(found[role][0].relative_to(root)), 3, base)
    seen = NetworkInput(3, 32)
    teacher = build_teacher("convnet", 3, None, initialisation="scratch", seed=4, images=seen)
    facts = {
        **{"stage": "pretrain", "backbone": "convnet", "classes": 3, "attention_maps": None},
        **{**asdict(seen), **manifest.statistics, "manifest": manifest.digest()},
    }
    write_teacher(found["network"][0], teacher, facts)
    return found


def test_areas_are_those_of_the_class_s_own_maps(spec: dict[str, Any], files: Files) -> None:
    figure, numbers = discriminative_areas.draw(spec, files)
    teacher = read_teacher(files["network"][0], CPU)
    for position, role in enumerate(("row0", "row1")):
        images = read_distilled(files[role][0]).images[3:5]
        seen = teacher.normaliser.normalise(images)
        labels = torch.tensor([1, 1])
        maps = activation_maps(
            "grad_cam", teacher.network.backbone, seen, labels, torch.Generator()
        )
        for slot, one in enumerate(maps):
            line = numbers.iloc[2 * position + slot]
            pixels = [float(value) for value in one.flatten()]
            mean = sum(pixels) / len(pixels)
            assert (line["class"], line["slot"]) == ("bee", slot)
            assert line["activation"] == pytest.approx(mean, abs=1e-5)
            above = sum(value > mean for value in pixels) / len(pixels)
            assert line["area"] == pytest.approx(above, abs=3 / len(pixels))
            half = sum(value > 0.5 for value in pixels) / len(pixels)
            assert line["area_above_half"] == pytest.approx(half)
    means = 100 * numbers.groupby("label", sort=False)["area"].mean()
    texts = [text.get_text() for text in figure.findobj() if hasattr(text, "get_text")]
    gained = f"({means.iloc[1] - means.iloc[0]:+.1f})"
    assert any(gained in text for text in texts)


def test_drawing_twice_gives_the_same_files(
    spec: dict[str, Any], files: Files, tmp_path: Path
) -> None:
    smooth = {**spec, "maps": "smooth_grad_cam"}
    for name in ("a", "b"):
        draw(smooth, files, tmp_path / name / "areas")
    for kind in ("png", "pdf", "csv"):
        first, second = (tmp_path / name / f"areas.{kind}" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
    assert len(pd.read_csv(tmp_path / "a" / "areas.csv")) == 4


def test_more_slots_than_images_and_other_data_are_refused(
    spec: dict[str, Any], files: Files, make_set: Callable[..., Path]
) -> None:
    with pytest.raises(FD2Error, match="slots 4"):
        discriminative_areas.inputs({**spec, "slots": 4}, [0])
    root = files["network"][0].parents[3]
    make_set(str(files["row1"][0].relative_to(root)), 3, digest="other")
    with pytest.raises(FD2Error, match="different manifests"):
        discriminative_areas.draw(spec, files)


def test_curves_are_what_the_records_tell(
    rows: list[dict[str, str]],
    locate: Callable[..., Files],
    manifest: Manifest,
    save_record: Callable[..., Path],
) -> None:
    spec = {"kind": "area_curves", "dataset": "d", "ipc": 3, "rows": rows}
    files = locate(area_curves.inputs(spec, [0]))
    digest = manifest.digest()
    for role, interval in (("row0", 50), ("row1", 100)):
        result = {"areas": [0.5, 0.25], "interval": interval}
        save_record(files[role][0].with_suffix(".json"), manifest=digest, result=result)
    frame = area_curves.points(spec, files)
    assert frame["iteration"].tolist() == [0, 50, 0, 100]
    assert frame["area"].tolist() == [50.0, 25.0, 50.0, 25.0]
    area_curves.draw(spec, files)
    empty = {"areas": []}
    save_record(files["row1"][0].with_suffix(".json"), manifest=digest, result=empty)
    with pytest.raises(FD2Error, match="looked at no activation maps"):
        area_curves.points(spec, files)
