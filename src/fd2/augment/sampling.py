"""Random crops, flips and rolls, drawn for many images at once from an explicit generator."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from fd2.errors import FD2Error

_ATTEMPTS = 10


def sample_crops(
    rng: np.random.Generator,
    count: int,
    size: int,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """Draw boxes with the distribution of torchvision's ``RandomResizedCrop.get_params``.

    Ten attempts each: area, as a share of the image's, uniform in ``scale``, aspect ratio (width /
    height) log-uniform in ``ratio``; if none fits in the image, the largest central crop of an
    allowed ratio.

    Returns:
        ``[count, 4]`` float32 (top, left, height, width) as fractions; whole pixels at ``size``.

    Raises:
        FD2Error: if a range is reversed or not positive.
    """
    for name, (low, high) in (("scale", scale), ("ratio", ratio)):
        if not 0 < low <= high:
            raise FD2Error(
                f"{name} ({low}, {high}) is not an increasing range of positive numbers",
                "augment.sampling.sample_crops",
                f"give {name} as (least, greatest)",
            )
    area = size * size * rng.uniform(*scale, (count, _ATTEMPTS))
    aspect = np.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1]), (count, _ATTEMPTS)))
    widths = np.round(np.sqrt(area * aspect)).astype(np.int64)
    heights = np.round(np.sqrt(area / aspect)).astype(np.int64)
    valid = (widths > 0) & (widths <= size) & (heights > 0) & (heights <= size)
    first = (np.arange(count), valid.argmax(1))
    fits = valid[first]
    fallback_height, fallback_width = _central_crop(size, ratio)
    height = np.where(fits, heights[first], fallback_height)
    width = np.where(fits, widths[first], fallback_width)
    top = np.where(fits, rng.integers(0, size - height + 1), (size - height) // 2)
    left = np.where(fits, rng.integers(0, size - width + 1), (size - width) // 2)
    boxes = np.stack([top, left, height, width], axis=1) / size
    return torch.from_numpy(boxes.astype(np.float32))


def _central_crop(size: int, ratio: tuple[float, float]) -> tuple[int, int]:
    """Height and width of the largest crop of a square image whose aspect ratio is allowed."""
    if ratio[0] > 1:
        return round(size / ratio[0]), size
    if ratio[1] < 1:
        return size, round(size * ratio[1])
    return size, size


def sample_flips(rng: np.random.Generator, count: int, probability: float = 0.5) -> Tensor:
    """Draw horizontal flips, ``[count]`` bool, with a probability in ``[0, 1]``."""
    return torch.from_numpy(rng.random(count) < probability)


def sample_rolls(
    rng: np.random.Generator, count: int, size: int, maximum_pixels: int, symmetric: bool = False
) -> Tensor:
    """Draw circular shifts of whole pixels.

    They are uniform in ``0..maximum_pixels`` (both ends included), as in the release of FD²; with
    ``symmetric``, in ``-maximum_pixels..maximum_pixels``.

    Returns:
        ``[count, 2]`` float32 (down, right) as fractions of the image.

    Raises:
        FD2Error: if ``maximum_pixels`` is negative.
    """
    if maximum_pixels < 0:
        raise FD2Error(
            f"maximum_pixels is {maximum_pixels}",
            "augment.sampling.sample_rolls",
            "give 0 or more pixels",
        )
    least = -maximum_pixels if symmetric else 0
    pixels = rng.integers(least, maximum_pixels, (count, 2), endpoint=True)
    return torch.from_numpy((pixels / size).astype(np.float32))
