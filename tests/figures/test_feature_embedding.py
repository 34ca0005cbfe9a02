"""Which images are embedded, and t-SNE itself on a case with a known answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from fd2.errors import FD2Error
from fd2.figures.feature_embedding import drawn_classes, embed, inputs, points
from fd2.stages.draw import draw

Locate = Callable[..., dict[str, list[Path]]]
REAL = {"method": "full", "fd2": "plain", "variant": "base"}
LABELS = [2, 0, 1, 1, 0, 2, 2, 0, 1, 1]


def clouds(labels: list[int], seed: int) -> torch.Tensor:
    """Tight clouds, one a class, at the ends of three axes."""
    noise = torch.randn(len(labels), 8, generator=torch.Generator().manual_seed(seed))
    return functional.one_hot(torch.tensor(labels), 8).float() + 0.02 * noise


@pytest.fixture
def spec(rows: list[dict[str, str]]) -> dict[str, Any]:
    return {
        **{"kind": "feature_embedding", "dataset": "d", "ipc": 5, "class_count": 3, "seed": 0},
        **{"images_per_class": 3, "perplexity": 30, "backbone": "resnet10t", "training": "cal"},
        "rows": [REAL, rows[1]],
    }


@pytest.fixture
def files(
    spec: dict[str, Any], make_diagnosis: Callable[..., Path], locate: Locate
) -> dict[str, list[Path]]:
    named = inputs(spec, [0])
    make_diagnosis(named["row0"][0], clouds(LABELS, 0), LABELS)
    make_diagnosis(named["row1"][0], clouds([0, 0, 1, 1, 2, 2], 1), [0, 0, 1, 1, 2, 2])
    return locate(named)


def test_images_of_each_row_and_class(spec: dict[str, Any], files: dict[str, list[Path]]) -> None:
    frame = points(spec, files)
    counts = frame.groupby(["label", "class"], sort=False).size()
    assert counts.tolist() == [3, 3, 3, 2, 2, 2]
    assert counts.index[0] == ("Real training images", "ant")
    # The fourth bee is one too many.
    bees = frame[(frame["label"] == "Real training images") & (frame["class"] == "bee")]
    assert bees["image"].tolist() == [102, 103, 108]


def test_separate_classes_stay_separate_across_rows(
    spec: dict[str, Any], files: dict[str, list[Path]]
) -> None:
    frame = points(spec, files)
    places = frame[["x", "y"]].to_numpy(np.float64)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    names = frame["class"].to_numpy()
    assert (names[apart.argmin(axis=1)] == names).all()


def test_the_same_seed_gives_the_same_points() -> None:
    features = clouds(LABELS, 2).numpy()
    first = embed(features, 30, 3)
    assert first.shape == (10, 2)
    assert np.array_equal(first, embed(features, 30, 3))
    # Lengths do not count: every feature is divided by its own.
    assert np.allclose(first, embed(features * 4, 30, 3))


def test_too_few_images_are_refused() -> None:
    with pytest.raises(FD2Error, match="t-SNE of 3 images"):
        embed(np.eye(3, dtype=np.float32), 30, 0)


def test_classes_are_drawn_by_the_seed() -> None:
    assert drawn_classes(10, 200, 0) == drawn_classes(10, 200, 0) != drawn_classes(10, 200, 1)
    assert len(set(drawn_classes(10, 200, 0))) == 10
    assert drawn_classes(9, 4, 0) == [0, 1, 2, 3]


def test_draw_writes_the_points(
    spec: dict[str, Any], files: dict[str, list[Path]], tmp_path: Path
) -> None:
    for name in ("a", "b"):
        draw({**spec, "class_count": 2}, files, tmp_path / name / "points")
    frame = pd.read_csv(tmp_path / "a" / "points.csv")
    assert list(frame.columns) == ["label", "class", "image", "x", "y"]
    assert frame["class"].nunique() == 2
    for kind in ("png", "pdf", "csv"):
        first, second = (tmp_path / name / f"points.{kind}" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
