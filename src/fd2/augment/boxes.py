"""Attention-guided crop boxes and drop masks, batched and without host synchronisation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from fd2.errors import FD2Error


def attention_boxes(
    maps: Tensor, thresholds: Tensor, size: int, padding: float = 0.1, *, rule: str = "exact"
) -> Tensor:
    """Bounding boxes of the strongly attended region, for the attention crop of CAL.

    The region is where the bilinearly upsampled map reaches ``threshold`` times the map's maximum
    (or its upsampled maximum, where interpolation lowers the peak below that, so that the region
    is never empty). The box is padded by ``padding * size`` pixels a side and clipped to the image.

    Args:
        maps: ``[B, h, w]`` attention maps, not negative.
        thresholds: ``[B]`` in ``(0, 1]``.
        size: height and width of the image in pixels.
        padding: share of ``size`` added on each side.
        rule: ``exact``, or ``truncated`` as in the releases of CAL and FD², where the box ends
            before the last attended pixel instead of after it and both of its edges, with their
            padding, lose their fractions of a pixel.

    Returns:
        ``[B, 4]`` (top, left, height, width) as fractions, in the dtype of ``maps`` (float32 at
        least), without gradient; the entire image for a map that is all zero.

    Raises:
        FD2Error: if the shapes do not fit together.
    """
    region = _attended(maps, thresholds, size)
    pixels = torch.arange(size, device=maps.device)
    limits = []
    for axis in (2, 1):
        occupied = region.any(axis)
        first = torch.where(occupied, pixels, size).amin(1)
        end = torch.where(occupied, pixels + 1, 0).amax(1)
        limits.append((first, end))
    dtype = torch.promote_types(maps.dtype, torch.float32)
    first, end = (torch.stack(edge, dim=1) for edge in zip(*limits, strict=True))
    if rule == "truncated":
        first = (first.double() - padding * size).trunc().clamp(min=0)
        end = (end.double() - 1 + padding * size).trunc().clamp(max=size)
        # With less than a pixel of padding nothing may be left.
        end = torch.maximum(end, first + 1)
        return (torch.cat([first, end - first], dim=1) / size).to(dtype)
    first, end = first.to(dtype) / size, end.to(dtype) / size
    first, end = (first - padding).clamp(min=0), (end + padding).clamp(max=1)
    return torch.cat([first, end - first], dim=1)


def attention_drop_mask(maps: Tensor, thresholds: Tensor, size: int) -> Tensor:
    """Masks that hide the strongly attended region, for the attention drop of CAL.

    A map that is all zero drops nothing. (The release of FD² drops the entire image there, which
    leaves an image without content and serves no purpose.)

    Args:
        maps: ``[B, h, w]`` attention maps, not negative.
        thresholds: ``[B]`` in ``(0, 1]``, as for :func:`attention_boxes`.
        size: height and width of the image in pixels.

    Returns:
        ``[B, 1, size, size]`` in the dtype of ``maps``, 1 keeps and 0 drops, without gradient.

    Raises:
        FD2Error: if the shapes do not fit together.
    """
    region = _attended(maps, thresholds, size)
    attentive = (maps.amax((1, 2)) > 0)[:, None, None]
    return (~(region & attentive)).to(maps.dtype)[:, None]


@torch.no_grad()
def _attended(maps: Tensor, thresholds: Tensor, size: int) -> Tensor:
    """Where upsampled maps reach their threshold, ``[B, size, size]`` bool."""
    if maps.ndim != 3 or thresholds.shape != maps.shape[:1]:
        raise FD2Error(
            f"thresholds {tuple(thresholds.shape)} do not fit maps {tuple(maps.shape)}",
            "augment.boxes",
            "give maps [B, h, w] and thresholds [B]",
        )
    upsampled = functional.interpolate(
        maps[:, None], size=(size, size), mode="bilinear", align_corners=False
    )[:, 0]
    level = torch.minimum(thresholds * maps.amax((1, 2)), upsampled.amax((1, 2)))
    return upsampled >= level[:, None, None]
