"""Per-image colour jitter and rotation of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fd2.errors import FD2Error

_LUMINANCE = (0.2989, 0.587, 0.114)


@dataclass(frozen=True)
class JitterFactors:
    """Factors ``[B]`` of one colour jitter per image, not negative; 1 changes nothing.

    The hue is in ``[-0.5, 0.5]`` turns of the colour circle; 0 changes nothing.
    """

    brightness: Tensor
    contrast: Tensor
    saturation: Tensor
    hue: Tensor


def sample_jitter(
    rng: np.random.Generator,
    count: int,
    brightness: float,
    contrast: float,
    saturation: float,
    hue: float,
) -> JitterFactors:
    """Draw jitter factors, float32 on the CPU, with the ranges of torchvision's ``ColorJitter``.

    A brightness, contrast or saturation b gives factors uniform in ``[max(0, 1 - b), 1 + b]``, a
    hue h in ``[0, 0.5]`` turns uniform in ``[-h, h]``.

    Raises:
        FD2Error: if a strength is negative or ``hue`` exceeds 0.5.
    """
    if min(brightness, contrast, saturation, hue) < 0 or hue > 0.5:
        raise FD2Error(
            f"jitter strengths are {brightness}, {contrast}, {saturation} and hue {hue}",
            "augment.colour.sample_jitter",
            "give strengths of 0 or more and a hue of at most 0.5",
        )

    def draw(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, count).astype(np.float32))

    return JitterFactors(
        brightness=draw(max(0.0, 1 - brightness), 1 + brightness),
        contrast=draw(max(0.0, 1 - contrast), 1 + contrast),
        saturation=draw(max(0.0, 1 - saturation), 1 + saturation),
        hue=draw(-hue, hue),
    )


def colour_jitter(images: Tensor, factors: JitterFactors) -> Tensor:
    """Adjust brightness, contrast, saturation and hue of each image, always in this order.

    (torchvision's ``ColorJitter`` shuffles the order at each call; each step here equals its
    ``adjust_*`` function.) Grey images have no saturation and no hue to adjust.

    Args:
        images: ``[B, 3, H, W]`` or ``[B, 1, H, W]`` in ``[0, 1]``, floating.
        factors: one set of factors per image, on any device.

    Returns:
        The same shape, in ``[0, 1]``.

    Raises:
        FD2Error: if the images are neither RGB nor grey, or the factors not one per image.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3) or factors.hue.shape != images.shape[:1]:
        raise FD2Error(
            f"{tuple(factors.hue.shape)} factors do not fit images {tuple(images.shape)}",
            "augment.colour.colour_jitter",
            "give images [B, 3, H, W] or [B, 1, H, W] and factors [B]",
        )
    images = (images * _per_image(factors.brightness, images)).clamp(0, 1)
    mean_luminance = _luminance(images).mean((1, 2, 3), keepdim=True)
    images = mean_luminance.lerp(images, _per_image(factors.contrast, images)).clamp(0, 1)
    if images.shape[1] == 1:
        return images
    luminance = _luminance(images)
    images = luminance.lerp(images, _per_image(factors.saturation, images)).clamp(0, 1)
    return _shift_hue(images, _per_image(factors.hue, images))


def _per_image(values: Tensor, images: Tensor) -> Tensor:
    return values.to(images)[:, None, None, None]


def _luminance(images: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images
    red, green, blue = images.chunk(3, dim=1)
    return red * _LUMINANCE[0] + green * _LUMINANCE[1] + blue * _LUMINANCE[2]


def _shift_hue(images: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue of RGB images by ``shift`` turns, keeping HSV saturation and value."""
    red, green, blue = images.chunk(3, dim=1)
    value, least = images.amax(1, keepdim=True), images.amin(1, keepdim=True)
    chroma = value - least
    divisor = torch.where(chroma == 0, 1.0, chroma)
    sextant = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    # Closed form of HSV to RGB: channel n falls from value by chroma as the hue leaves its sector.
    channel = torch.arange(5, 0, -2, dtype=images.dtype, device=images.device)[:, None, None]
    distance = torch.remainder(channel + sextant + 6 * shift, 6)
    return value - chroma * torch.minimum(distance, 4 - distance).clamp(0, 1)


def rotate(images: Tensor, degrees: Tensor, mode: str = "bilinear") -> Tensor:
    """Rotate each image about its centre, filling with 0.

    On normalised images the fill is the mean colour, on others it is black. Meant for data, which
    needs no gradient: the backward of ``grid_sample`` is not deterministic on a GPU.

    Args:
        images: ``[B, C, H, W]``, floating.
        degrees: ``[B]`` angles, positive is counter-clockwise.
        mode: ``bilinear`` or ``nearest``.

    Returns:
        ``[B, C, H, W]``.

    Raises:
        FD2Error: if there is not one angle per image.
    """
    if images.ndim != 4 or degrees.shape != images.shape[:1]:
        raise FD2Error(
            f"{tuple(degrees.shape)} angles do not fit images {tuple(images.shape)}",
            "augment.colour.rotate",
            "give images [B, C, H, W] and degrees [B]",
        )
    height, width = images.shape[-2:]
    angle = torch.deg2rad(degrees.to(images))
    cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    # The grid is in units of half the width and half the height, the rotation in pixels.
    across = torch.stack([cosine, -sine * (height / width), zero], dim=1)
    along = torch.stack([sine * (width / height), cosine, zero], dim=1)
    theta = torch.stack([across, along], dim=1)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(
        images, grid, mode=mode, padding_mode="zeros", align_corners=False
    )
