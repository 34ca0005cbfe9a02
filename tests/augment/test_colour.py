"""Colour jitter and rotation against torchvision, image by image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as vision

from fd2.augment.colour import JitterFactors, colour_jitter, rotate, sample_jitter
from fd2.errors import FD2Error


def photographs(count: int, size: int = 24) -> Tensor:
    """Smooth random colour fields with grain, grey, black and white areas, as uint8 levels."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 4, 4, generator=generator)
    images = functional.interpolate(coarse, size=size, mode="bicubic")
    images = images + 0.05 * torch.randn(count, 3, size, size, generator=generator)
    images[:, :, :3, :3] = 0.0
    images[:, :, :3, 3:6] = 1.0
    images[:, :, 3:6, :3] = 0.5
    images[:, 0, 3:6, 3:6] = images[:, 1, 3:6, 3:6]
    return (images.clamp(0, 1) * 255).round() / 255


def adjusted(image: Tensor, factors: JitterFactors, i: int) -> Tensor:
    image = vision.adjust_brightness(image, float(factors.brightness[i]))
    image = vision.adjust_contrast(image, float(factors.contrast[i]))
    image = vision.adjust_saturation(image, float(factors.saturation[i]))
    return vision.adjust_hue(image, float(factors.hue[i]))


@pytest.mark.parametrize("strengths", [(0.2, 0.2, 0.2, 0.1), (1.0, 1.5, 2.0, 0.5)])
def test_jitter_equals_torchvision(strengths: tuple[float, float, float, float]) -> None:
    images = photographs(8)
    before = images.clone()
    factors = sample_jitter(np.random.default_rng(2), 8, *strengths)
    jittered = colour_jitter(images, factors)
    expected = torch.stack([adjusted(image, factors, i) for i, image in enumerate(images)])
    torch.testing.assert_close(jittered, expected, rtol=0, atol=1e-5)
    assert torch.equal(images, before)


def test_grey_images_of_one_channel_change_as_torchvisions_do() -> None:
    images = photographs(8)[:, :1]
    factors = sample_jitter(np.random.default_rng(2), 8, 0.2, 0.4, 1.5, 0.5)
    expected = torch.stack([adjusted(image, factors, i) for i, image in enumerate(images)])
    torch.testing.assert_close(colour_jitter(images, factors), expected, rtol=0, atol=1e-5)


def test_neutral_factors_change_nothing() -> None:
    images, one = photographs(2), torch.ones(2)
    jittered = colour_jitter(images, JitterFactors(one, one, one, torch.zeros(2)))
    torch.testing.assert_close(jittered, images, rtol=0, atol=1e-6)


def test_factors_have_torchvision_ranges_and_replay() -> None:
    factors = sample_jitter(np.random.default_rng(0), 2000, 0.2, 0.4, 1.5, 0.1)
    limits = ((0.8, 1.2), (0.6, 1.4), (0.0, 2.5), (-0.1, 0.1))
    drawn = (factors.brightness, factors.contrast, factors.saturation, factors.hue)
    for values, (low, high) in zip(drawn, limits, strict=True):
        assert values.dtype == torch.float32
        assert low - 1e-6 <= float(values.min()) < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < float(values.max()) <= high + 1e-6
    again = sample_jitter(np.random.default_rng(0), 2000, 0.2, 0.4, 1.5, 0.1)
    assert torch.equal(factors.hue, again.hue)


@pytest.mark.parametrize("shape", [(24, 24), (20, 31)])
def test_rotation_equals_torchvision(shape: tuple[int, int]) -> None:
    angles = torch.tensor([-15.0, 7.3, 90.0, 0.0, 133.0])
    images = torch.randn(5, 3, *shape, generator=torch.Generator().manual_seed(0))
    rotated = rotate(images, angles)
    for i, angle in enumerate(angles.tolist()):
        expected = vision.rotate(images[i], angle, interpolation=InterpolationMode.BILINEAR)
        # Two float32 derivations of the grid differ by rounding, which a steep image magnifies.
        torch.testing.assert_close(rotated[i], expected, rtol=0, atol=2e-4)


def test_nearest_rotation_equals_torchvision() -> None:
    """Where a position lies between two pixels, rounding may choose either."""
    angles = torch.tensor([-15.0, 7.3, 133.0])
    images = torch.rand(3, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    rotated = rotate(images, angles, "nearest")
    for i, angle in enumerate(angles.tolist()):
        expected = vision.rotate(images[i], angle, interpolation=InterpolationMode.NEAREST)
        assert (rotated[i] == expected).double().mean() > 0.99


def test_bad_input_is_refused() -> None:
    factors = sample_jitter(np.random.default_rng(0), 2, 0.1, 0.1, 0.1, 0.1)
    with pytest.raises(FD2Error, match="do not fit images"):
        colour_jitter(torch.rand(3, 3, 4, 4), factors)
    with pytest.raises(FD2Error, match=r"hue 0\.6"):
        sample_jitter(np.random.default_rng(0), 2, 0.1, 0.1, 0.1, 0.6)
    with pytest.raises(FD2Error, match="angles do not fit"):
        rotate(torch.rand(3, 3, 4, 4), torch.zeros(2))
