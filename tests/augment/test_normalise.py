"""Normalisation, its inverse, its bounds and quantisation."""

from __future__ import annotations

import pytest
import torch

from fd2.augment.normalise import Normaliser
from fd2.errors import FD2Error

NORMALISERS = [
    Normaliser([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    Normaliser((0.4802, 0.4481, 0.3975), (0.2302, 0.2265, 0.2262)),
]


@pytest.mark.parametrize("normaliser", NORMALISERS)
def test_all_levels_survive_the_round_trip(normaliser: Normaliser) -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(2, 3, 16, 16)
    images = normaliser.normalise(levels)
    assert images.dtype == torch.float32
    assert torch.equal(normaliser.quantise(images), levels)
    truncated = normaliser.quantise(images, rounding="truncate").int()
    assert set((levels.int() - truncated).unique().tolist()) <= {0, 1}


def test_one_channel_is_any_of_three_equal_ones() -> None:
    grey, rgb = Normaliser([0.286], [0.353]), Normaliser([0.286] * 3, [0.353] * 3)
    images = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    normalised = grey.normalise(images)
    assert torch.equal(normalised, rgb.normalise(images.expand(1, 3, 16, 16))[:, :1])
    assert torch.equal(grey.quantise(normalised), images)
    assert [bound.shape for bound in grey.bounds()] == [(1, 1, 1, 1)] * 2


def test_truncation_drops_the_fraction() -> None:
    normaliser = NORMALISERS[0]
    values = torch.tensor([10.9, 11.4, -3.0, 300.0]) / 255
    images = normaliser.normalise(values.expand(1, 3, 1, 4))
    assert normaliser.quantise(images, "truncate")[0, 0, 0].tolist() == [10, 11, 0, 255]
    assert normaliser.quantise(images, "nearest")[0, 0, 0].tolist() == [11, 11, 0, 255]


def test_formula_and_inverse_in_float64() -> None:
    normaliser = NORMALISERS[1]
    images = torch.rand(3, 3, 4, 5, dtype=torch.float64)
    normalised = normaliser.normalise(images)
    for channel in range(3):
        expected = (images[:, channel] - normaliser.mean[channel]) / normaliser.std[channel]
        torch.testing.assert_close(normalised[:, channel], expected)
    torch.testing.assert_close(normaliser.denormalise(normalised), images)


def test_bounds_are_black_and_white() -> None:
    normaliser = NORMALISERS[0]
    lower, upper = normaliser.bounds()
    assert lower.shape == upper.shape == (1, 3, 1, 1)
    black, white = (torch.full((1, 3, 1, 1), value) for value in (0.0, 1.0))
    torch.testing.assert_close(lower, normaliser.normalise(black))
    torch.testing.assert_close(upper, normaliser.normalise(white))
    assert normaliser.quantise(lower).unique().tolist() == [0]
    assert normaliser.quantise(upper).unique().tolist() == [255]


def test_first_use_in_inference_mode_does_not_spoil_later_gradients() -> None:
    normaliser = Normaliser([0.11, 0.12, 0.13], [0.5, 0.6, 0.7])
    with torch.inference_mode():
        normaliser.normalise(torch.rand(1, 3, 2, 2))
    images = torch.rand(1, 3, 2, 2, requires_grad=True)
    normaliser.normalise(images).sum().backward()
    assert images.grad is not None
    expected = 1 / torch.tensor([0.5, 0.6, 0.7])[:, None, None].expand(3, 2, 2)
    torch.testing.assert_close(images.grad[0], expected)


def test_bad_input_is_refused() -> None:
    with pytest.raises(FD2Error, match="normalise neither RGB nor grey"):
        Normaliser([0.5, 0.5, 0.5], [0.2, 0.0, 0.2])
    with pytest.raises(FD2Error, match=r"images are torch\.int64"):
        NORMALISERS[0].normalise(torch.zeros(1, 3, 2, 2, dtype=torch.int64))
    with pytest.raises(FD2Error, match="choose nearest or truncate"):
        NORMALISERS[0].quantise(torch.zeros(1, 3, 2, 2), "floor")  # type: ignore[arg-type]
