"""Distances and coverage of attention, and the teacher's maps beside the images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.contour import ContourSet

from fd2.artifacts.images import write_distilled
from fd2.artifacts.manifests import Manifest
from fd2.augment.normalise import Normaliser
from fd2.config import plugins
from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.figures._attention import (
    RowAttention,
    attention_figure,
    attention_of,
    normalised_mean,
    overlays,
    read_attention,
)
from fd2.figures.attention_maps import inputs, lines_of
from fd2.networks.cal import CounterfactualAttention
from fd2.networks.stored_teacher import build_teacher, read_teacher, write_teacher
from fd2.networks.teacher import Teacher
from fd2.stages.draw import draw

NORMALISER = Normaliser((0.5, 0.4, 0.3), (0.2, 0.2, 0.2))


def spread(attention: torch.Tensor) -> tuple[float | None, float]:
    """Distance and coverage of the slots of one class, as the figure tells them."""
    slots, images = tuple(range(len(attention))), np.zeros((len(attention), 4, 4, 3), np.uint8)
    line = lines_of(RowAttention("some", slots, images, attention), "bee")[0]
    return line["pairwise_distance"], line["coverage"]


def test_normalised_mean_by_a_slow_formula() -> None:
    maps = torch.rand(3, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    maps[1] = 0
    mean = normalised_mean(maps)
    for slot in range(3):
        slow = sum(maps[slot, m].double() for m in range(4)) / 4
        expected = slow / slow.max() if slot != 1 else slow
        torch.testing.assert_close(mean[slot].double(), expected, rtol=1e-6, atol=1e-6)


def test_slots_that_look_at_different_cells_are_far_apart_and_cover_more() -> None:
    apart = torch.zeros(2, 1, 2, 2)
    apart[0, 0, 0, 0] = 2.0
    apart[1, 0, 1, 1] = 2.0
    distance, coverage = spread(apart)
    assert distance == pytest.approx(2 * 2**0.5 / 4, rel=1e-5)
    assert coverage == 0.5
    same = apart[:1].repeat(3, 1, 1, 1)
    assert spread(same) == (pytest.approx(0.0), 0.25)
    assert spread(same[:1]) == (None, 0.25)


def test_distance_is_the_mean_over_pairs() -> None:
    maps = torch.rand(4, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    vectors = maps.double().flatten(1)
    pairs = [
        (vectors[i] - vectors[j]).norm() / (vectors[i].norm() + vectors[j].norm() + 1e-6)
        for i in range(4)
        for j in range(i)
    ]
    assert spread(maps)[0] == pytest.approx(float(sum(pairs) / len(pairs)), rel=1e-5)


def test_overlays_are_bright_where_the_map_is() -> None:
    images = np.full((2, 8, 8, 3), 50, np.uint8)
    attention = torch.zeros(2, 1, 2, 2)
    attention[:, :, 0, 0] = 3.0
    heat = RowAttention("some", (0, 1), images, attention).heat()
    assert heat.shape == (2, 8, 8) and heat.max() == 1
    shown = overlays(images, heat)
    assert shown.shape == images.shape
    overlay = shown[1].astype(int).sum(axis=-1)
    assert overlay[0, 0] == overlay.max() > 150 > overlay[-1, -1]


@pytest.fixture
def spec(rows: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "kind": "attention_maps",
        "dataset": "d",
        "ipc": 2,
        "class": "bee",
        "teacher": "resnet10t",
        "slots": 2,
        "rows": rows,
    }


def test_inputs_name_the_teacher_with_attention_head(spec: dict[str, Any]) -> None:
    assert inputs(spec, [0])["teacher"] == ["teachers/d/resnet10t/cal.safetensors"]
    assert set(inputs(spec, [0])) == {"row0", "row1", "manifest", "teacher"}


def test_more_slots_than_images_are_refused_when_planning(spec: dict[str, Any]) -> None:
    with pytest.raises(FD2Error, match="slots 3 with ipc 2"):
        inputs({**spec, "slots": 3}, [0])


def test_numbers_are_of_the_shown_slots_with_each_map() -> None:
    attention = torch.zeros(3, 2, 1, 3)
    attention[0, :, 0, 0] = 4.0
    attention[1, :, 0, 1] = 2.0
    attention[2, 0, 0, 1:] = torch.tensor([1.0, 0.25])
    row = RowAttention("some", (0, 1, 2), np.zeros((3, 4, 4, 3), np.uint8), attention)
    lines = lines_of(row, "bee")
    assert [line["slot"] for line in lines] == [0, 1, 2]
    maps = [[line[f"map_0_{x}"] for x in range(3)] for line in lines]
    assert maps == [[1, 0, 0], [0, 1, 0], [0, 1, 0.25]]
    distance, coverage = spread(attention)
    assert coverage == pytest.approx(2 / 3)
    assert {line["pairwise_distance"] for line in lines} == {distance}
    assert {line["coverage"] for line in lines} == {coverage}


def test_the_line_runs_around_what_is_covered(spec: dict[str, Any]) -> None:
    heats = np.zeros((1, 2, 8, 8), np.float32)
    heats[0, 1, 2:6, 2:6] = 1.0
    images = np.zeros((1, 2, 8, 8, 3), np.uint8)
    figure = attention_figure(spec, images, heats, ["row"], ["a", "b"])
    (contour,) = (c for c in figure.axes[0].collections if isinstance(c, ContourSet))
    points = np.concatenate([path.vertices for path in contour.get_paths()])
    # The second image begins after 8 pixels and a gap of one.
    assert points.min(axis=0).tolist() == [10.5, 1.5]
    assert points.max(axis=0).tolist() == [14.5, 5.5]
    assert len(figure.axes) == 2, "the colour bar"


def test_attention_is_of_normalised_images_in_evaluation_mode() -> None:
    backbone = plugins.load("backbones", "resnet10t").build(3, "scratch", seed=0)
    cal = CounterfactualAttention(backbone.feature_channels, 4, 3, seed=0)
    teacher = Teacher(backbone, cal).train()
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 64, 64), generator=generator, dtype=torch.uint8)
    together = attention_of(teacher, NORMALISER, images, "file")
    assert together.shape[:2] == (2, 4)
    assert not teacher.training
    pixels = images[1:] / 255
    mean = torch.tensor([0.5, 0.4, 0.3])[:, None, None]
    with torch.no_grad():
        alone = teacher((pixels - mean) / 0.2).attention
    torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-5)


def test_a_plain_teacher_is_refused() -> None:
    teacher = Teacher(plugins.load("backbones", "resnet10t").build(3, "scratch", seed=0))
    images = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    with pytest.raises(FD2Error, match="no attention head") as caught:
        attention_of(teacher, NORMALISER, images, "t/plain.safetensors")
    assert caught.value.where == "t/plain.safetensors"


@pytest.fixture
def files(
    spec: dict[str, Any],
    manifest: Manifest,
    make_set: Callable[..., Path],
    locate: Callable[..., dict[str, list[Path]]],
) -> dict[str, list[Path]]:
    """Two sets of uniform images and a teacher with four attention maps."""
    named = inputs(spec, [0])
    for row in ("row0", "row1"):
        make_set(named[row][0], ipc=2, base=100)
    paths = locate(named)
    facts = {"backbone": "resnet10t", "classes": 3, "attention_maps": 4}
    facts |= {
        "stage": "pretrain",
        "mean": [0.5] * 3,
        "std": [0.2] * 3,
        "manifest": manifest.digest(),
        **asdict(NetworkInput(resolution=32)),
    }
    teacher = build_teacher("resnet10t", 3, 4, initialisation="scratch", seed=0)
    write_teacher(paths["teacher"][0], teacher, facts)
    return paths


def test_draw_writes_distance_and_coverage_of_each_row(
    spec: dict[str, Any], files: dict[str, list[Path]], tmp_path: Path
) -> None:
    draw(spec, files, tmp_path / "attention")
    frame = pd.read_csv(tmp_path / "attention.csv")
    assert frame["label"].unique().tolist() == ["Random real images", "SRe²L++ + FD²"]
    assert frame["slot"].tolist() == [0, 1, 0, 1]
    assert frame["slots"].tolist() == [2, 2, 2, 2]
    assert frame["pairwise_distance"].between(0, 1).all()
    # Both rows hold the same images.
    assert frame["coverage"].nunique() == 1
    maps = frame.filter(like="map_")
    assert maps.columns.tolist() == ["map_0_0"], "32 pixels leave one cell"
    assert (maps.to_numpy() == 1).all()
    assert (tmp_path / "attention.png").stat().st_size > 0


def test_a_float_set_is_seen_as_it_is_and_shown_as_pictures(
    spec: dict[str, Any], files: dict[str, list[Path]], manifest: Manifest
) -> None:
    """As in its diagnosis: what lies beyond black and white is there for the teacher."""
    spec["rows"] = spec["rows"][:1]
    images = 3 * torch.rand(2, 3, 3, 32, 32, generator=torch.Generator().manual_seed(2)) - 1
    write_distilled(files["row0"][0], images, {"manifest": manifest.digest()})
    (row,) = read_attention(spec, files, [1, 0])
    stored = read_teacher(files["teacher"][0], torch.device("cpu"))
    bees = images[[1, 0], 1]
    seen = attention_of(stored.network, stored.normaliser, bees, "file")
    clipped = attention_of(stored.network, stored.normaliser, bees.clamp(0, 1), "file")
    torch.testing.assert_close(row.attention, seen)
    assert (seen - clipped).abs().max() > 0.01 * seen.abs().max()
    shown = (bees.clamp(0, 1) * 255).round().permute(0, 2, 3, 1)
    assert np.array_equal(row.images, shown.numpy())


def test_a_teacher_of_other_data_is_refused(
    spec: dict[str, Any], files: dict[str, list[Path]], tmp_path: Path
) -> None:
    facts = {"backbone": "resnet10t", "classes": 3, "attention_maps": 4, "manifest": "other"}
    facts |= {"stage": "pretrain", "mean": [0.5] * 3, "std": [0.2] * 3}
    facts |= asdict(NetworkInput(resolution=32))
    teacher = build_teacher("resnet10t", 3, 4, initialisation="scratch", seed=0)
    write_teacher(files["teacher"][0], teacher, facts)
    with pytest.raises(FD2Error, match="different manifests"):
        draw(spec, files, tmp_path / "attention")


def test_an_unknown_class_is_refused(
    spec: dict[str, Any], files: dict[str, list[Path]], tmp_path: Path
) -> None:
    with pytest.raises(FD2Error, match="unknown class 'bees'"):
        draw({**spec, "class": "bees"}, files, tmp_path / "attention")
