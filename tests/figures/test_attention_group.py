"""Where each slot of a group looks, and how far from the earlier ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.figures._attention import RowAttention, distances
from fd2.figures._mosaic import mosaic_figure, write_notes
from fd2.figures.attention_group import inputs, lines_of
from fd2.networks.stored_teacher import build_teacher, write_teacher
from fd2.regularisers.similarity import similarity_loss
from fd2.stages.draw import draw

NO_IMAGES = np.zeros((1, 4, 4, 3), np.uint8)


def row_of(attention: torch.Tensor, *slots: int) -> RowAttention:
    return RowAttention("some", slots, NO_IMAGES.repeat(len(slots), 0), attention)


def test_distances_by_a_slow_formula() -> None:
    maps = torch.rand(3, 2, 2, 3, generator=torch.Generator().manual_seed(0))
    vectors = maps.double().flatten(1)
    found = distances(maps)
    for i in range(3):
        for j in range(3):
            gap, length = vectors[i] - vectors[j], vectors[i].norm() + vectors[j].norm()
            assert float(found[i, j]) == pytest.approx(
                float(gap.norm() / (length + 1e-6)), rel=1e-5
            )


def test_one_cell_after_the_other() -> None:
    """Slot 2 looks at a new cell, slot 3 where slot 0 looked: one cell of four each."""
    attention = torch.zeros(3, 1, 2, 2)
    attention[0, 0, 0, 0] = attention[1, 0, 1, 1] = attention[2, 0, 0, 0] = 3.0
    lines = lines_of(row_of(attention, 0, 2, 3), "bee")
    apart = pytest.approx(2**0.5 / 2, rel=1e-5)
    assert [line["slot"] for line in lines] == [0, 2, 3]
    assert [line["earlier_distance"] for line in lines] == [
        *(None, apart, pytest.approx(2**0.5 / 4, rel=1e-5)),
    ]
    assert [line["distance_to_0"] for line in lines] == [None, apart, pytest.approx(0)]
    assert [line["distance_to_2"] for line in lines] == [None, None, apart]
    assert "distance_to_3" not in lines[0]
    assert [line["new_coverage"] for line in lines] == [0.25, 0.25, 0]
    assert [line["coverage"] for line in lines] == [0.25, 0.5, 0.5]
    assert [lines[1][f"map_{y}_{x}"] for y in (0, 1) for x in (0, 1)] == [0, 0, 0, 1]


def test_the_distance_is_what_the_similarity_constraint_raises() -> None:
    attention = torch.rand(4, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    lines = lines_of(row_of(attention, 0, 1, 2, 3), "bee")
    for k in range(1, 4):
        loss = similarity_loss(attention[k : k + 1], attention[:k, None])
        assert lines[k]["earlier_distance"] == pytest.approx(1 - loss.item(), rel=1e-5)


@pytest.fixture
def spec(rows: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "kind": "attention_group",
        "dataset": "d",
        "ipc": 3,
        "class": "bee",
        "teacher": "resnet10t",
        "slots": [0, 2],
        "rows": rows,
    }


@pytest.mark.parametrize(
    ("slots", "message"),
    [([0, 3], "slot 3 with ipc 3(.|\n)*0 to 2"), ([2, 0], "order(.|\n)*give .0, 2.")],
)
def test_slots_are_checked_when_planning(
    spec: dict[str, Any], slots: list[int], message: str
) -> None:
    with pytest.raises(FD2Error, match=message):
        inputs({**spec, "slots": slots}, [0])


def test_draw_writes_a_line_a_slot(
    spec: dict[str, Any],
    manifest: Any,
    make_set: Callable[..., Path],
    locate: Callable[..., dict[str, list[Path]]],
    tmp_path: Path,
) -> None:
    named = inputs(spec, [0])
    assert set(named) == {"row0", "row1", "manifest", "teacher"}
    for base, row in ((0, "row0"), (100, "row1")):
        make_set(named[row][0], ipc=3, base=base)
    paths = locate(named)
    facts = {"backbone": "resnet10t", "classes": 3, "attention_maps": 4, "stage": "pretrain"}
    facts |= {"mean": [0.5] * 3, "std": [0.2] * 3, "manifest": manifest.digest()}
    facts |= asdict(NetworkInput(resolution=32))
    teacher = build_teacher("resnet10t", 3, 4, initialisation="scratch", seed=0)
    write_teacher(paths["teacher"][0], teacher, facts)
    draw(spec, paths, tmp_path / "group")
    frame = pd.read_csv(tmp_path / "group.csv")
    assert frame["slot"].tolist() == [0, 2, 0, 2]
    assert frame["earlier_distance"].isna().tolist() == [True, False, True, False]
    assert (tmp_path / "group.png").stat().st_size and (tmp_path / "group.pdf").stat().st_size


def test_notes_stand_in_their_images() -> None:
    images = np.zeros((2, 2, 32, 32, 3), np.uint8)
    figure = mosaic_figure(images, ["x", "y"], ["a", "b"], "t")
    write_notes(figure, [["", "p"], ["q", "r"]], 32, 32)
    places = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert places == {"p": (33, 31), "q": (0, 64), "r": (33, 64)}
