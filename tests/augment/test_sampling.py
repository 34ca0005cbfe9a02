"""Distribution and replay of the drawn crops, flips and rolls."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms import RandomResizedCrop

from fd2.augment.sampling import sample_crops, sample_flips, sample_rolls
from fd2.errors import FD2Error


def kolmogorov_smirnov(first: Tensor, second: Tensor) -> float:
    """Greatest distance between two empirical distribution functions."""
    points = torch.cat([first, second]).sort().values
    shares = [
        torch.searchsorted(sample.sort().values, points, right=True).double() / len(sample)
        for sample in (first, second)
    ]
    return float((shares[0] - shares[1]).abs().max())


@pytest.mark.parametrize(
    ("scale", "ratio"),
    [((0.08, 1.0), (3 / 4, 4 / 3)), ((0.08, 1.0), (1.0, 1.0)), ((0.9, 1.0), (0.3, 3.0))],
)
def test_crops_are_distributed_as_torchvision_draws_them(
    scale: tuple[float, float], ratio: tuple[float, float]
) -> None:
    count, size = 3000, 64
    ours = sample_crops(np.random.default_rng(0), count, size, scale, ratio).double() * size
    image = torch.empty(3, size, size)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = torch.tensor(
            [RandomResizedCrop.get_params(image, list(scale), list(ratio)) for _ in range(count)]
        ).double()
    ours = ours.round()
    # 1.95 * sqrt(2 / n) is the critical distance at the 0.1 % level.
    critical = 1.95 * math.sqrt(2 / count)
    for column in range(4):
        assert kolmogorov_smirnov(ours[:, column], theirs[:, column]) < critical, column
    areas = (ours[:, 2] * ours[:, 3], theirs[:, 2] * theirs[:, 3])
    assert kolmogorov_smirnov(*areas) < critical


def test_crops_are_whole_pixels_inside_the_image() -> None:
    boxes = sample_crops(np.random.default_rng(3), 500, 224).double() * 224
    pixels = boxes.round()
    assert float((boxes - pixels).abs().max()) < 1e-4
    assert bool((pixels[:, :2] >= 0).all()) and bool((pixels[:, 2:] >= 1).all())
    assert bool((pixels[:, :2] + pixels[:, 2:] <= 224).all())


@pytest.mark.parametrize(
    ("ratio", "expected"), [((2.0, 3.0), (8, 0, 16, 32)), ((0.25, 0.5), (0, 8, 32, 16))]
)
def test_impossible_crops_fall_back_to_the_central_one(
    ratio: tuple[float, float], expected: tuple[int, ...]
) -> None:
    boxes = sample_crops(np.random.default_rng(0), 3, 32, (1.0, 1.0), ratio)
    assert torch.equal(boxes * 32, torch.tensor(expected).float().expand(3, 4))
    with torch.random.fork_rng():
        image = torch.empty(3, 32, 32)
        assert RandomResizedCrop.get_params(image, [1.0, 1.0], list(ratio)) == expected


def test_same_generator_state_same_draws() -> None:
    for draw in (
        lambda rng: sample_crops(rng, 7, 64),
        lambda rng: sample_flips(rng, 7),
        lambda rng: sample_rolls(rng, 7, 64, 9, symmetric=True),
    ):
        first, again = (draw(np.random.default_rng(5)) for _ in range(2))
        other = draw(np.random.default_rng(6))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


def test_flips() -> None:
    flips = sample_flips(np.random.default_rng(0), 4000, 0.25)
    assert flips.dtype == torch.bool
    assert float(flips.float().mean()) == pytest.approx(0.25, abs=0.03)
    assert not sample_flips(np.random.default_rng(0), 100, 0.0).any()
    assert sample_flips(np.random.default_rng(0), 100, 1.0).all()


def test_rolls_cover_their_range_evenly() -> None:
    for symmetric, least in ((False, 0), (True, -4)):
        rolls = sample_rolls(np.random.default_rng(0), 5000, 224, 4, symmetric)
        pixels = (rolls.double() * 224).round()
        values, counts = pixels.unique(return_counts=True)
        assert values.tolist() == list(range(least, 5))
        even = 10000 / len(values)
        assert float((counts / even - 1).abs().max()) < 0.12
    assert not sample_rolls(np.random.default_rng(0), 5, 224, 0).any()


def test_bad_ranges_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(FD2Error, match=r"scale \(1.0, 0.5\)"):
        sample_crops(rng, 1, 32, (1.0, 0.5))
    with pytest.raises(FD2Error, match=r"ratio \(0.0, 1.0\)"):
        sample_crops(rng, 1, 32, ratio=(0.0, 1.0))
    with pytest.raises(FD2Error, match="maximum_pixels is -1"):
        sample_rolls(rng, 1, 32, -1)
