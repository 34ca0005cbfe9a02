"""Crop-resize, flip and roll as separable linear maps.

Every spatial view is ``out = Wy @ x @ Wx^T`` with one interpolation matrix per axis, so that shapes
are constant and the backward pass is a matrix product too (deterministic, unlike the atomic
additions in the backward of ``grid_sample`` and ``interpolate`` on a GPU).
"""

from __future__ import annotations

import torch
from torch import Tensor

from fd2.errors import FD2Error


def interpolation_matrix(
    start: Tensor,
    length: Tensor,
    source: int,
    target: int,
    *,
    flip: Tensor | None = None,
    roll: Tensor | None = None,
    antialias: bool = False,
) -> Tensor:
    """Bilinear weights that crop, resize, flip and roll one axis, in this order.

    For an integer crop the weights are those of ``torch.nn.functional.interpolate(x[start:start +
    length], size=target, mode="bilinear", align_corners=False, antialias=antialias)``: half-pixel
    centres, samples clamped to the crop.

    Args:
        start: ``[N]``, first pixel of the crop, may be fractional, in ``[0, source)``.
        length: ``[N]``, length of the crop in source pixels, positive, may be fractional.
        source: length of the axis before.
        target: length of the axis after.
        flip: ``[N]`` bool, reverse the axis after the crop.
        roll: ``[N]``, circular shift in target pixels after the flip; an integer equals
            ``torch.roll``, a fraction interpolates linearly between its two neighbours.
        antialias: where a crop shrinks, each target pixel is an average over all source pixels
            that it covers, as in Pillow; where it grows this changes nothing.

    Returns:
        ``[N, target, source]``, each row sums to 1; float64 if ``start`` is, else float32.

    Raises:
        FD2Error: if an axis is empty or the inputs are not vectors of one length.
    """
    if source < 1 or target < 1:
        raise FD2Error(
            f"an axis cannot go from {source} to {target} pixels",
            "augment.geometry.interpolation_matrix",
            "give positive sizes",
        )
    for name, values in (("length", length), ("flip", flip), ("roll", roll)):
        if values is not None and (start.ndim != 1 or values.shape != start.shape):
            raise FD2Error(
                f"start has shape {tuple(start.shape)} and {name} {tuple(values.shape)}",
                "augment.geometry.interpolation_matrix",
                "give one number per view, all of shape [N]",
            )
    dtype = torch.float64 if start.dtype == torch.float64 else torch.float32
    coordinates = _source_coordinates(start.double(), length.double(), source, target)
    if flip is not None:
        coordinates = torch.where(flip[:, None], coordinates.flip(1), coordinates)

    def weights(coordinates: Tensor) -> Tensor:
        narrow = _hat_weights(coordinates, source, dtype)
        if not antialias:
            return narrow
        wide = _wide_hat_weights(coordinates, start.double(), length.double(), source)
        return torch.where((length > target)[:, None, None], wide.to(dtype), narrow)

    if roll is None:
        return weights(coordinates)
    # The roll is a circular interpolation of rows, hence a mixture of two whole-pixel rolls.
    pixels = roll.double().floor()
    fraction = (roll.double() - pixels)[:, None, None].to(dtype)
    index = torch.arange(target, device=start.device) - pixels.long()[:, None]
    nearer = weights(coordinates.gather(1, index % target))
    farther = weights(coordinates.gather(1, (index - 1) % target))
    return nearer * (1 - fraction) + farther * fraction


def _source_coordinates(start: Tensor, length: Tensor, source: int, target: int) -> Tensor:
    """Source pixel at which each target pixel samples, ``[N, target]`` in ``[0, source - 1]``."""
    centres = torch.arange(target, device=start.device, dtype=torch.float64) + 0.5
    coordinates = start[:, None] + centres * (length[:, None] / target) - 0.5
    # A crop thinner than a pixel holds no pixel centre: it samples its own middle.
    middle = start + (length - 1) / 2
    reach = (length - 1).clamp(min=0) / 2
    lower, upper = (middle - reach)[:, None], (middle + reach)[:, None]
    return torch.minimum(torch.maximum(coordinates, lower), upper).clamp(0, source - 1)


def _hat_weights(coordinates: Tensor, source: int, dtype: torch.dtype) -> Tensor:
    """Linear interpolation weights ``[N, target, source]`` of sample positions ``[N, target]``."""
    lower = coordinates.floor()
    fraction = (coordinates - lower).to(dtype)[..., None]
    pixels = torch.arange(source, device=coordinates.device, dtype=torch.int32)
    offset = pixels - lower.int()[..., None]
    return (offset == 0) * (1 - fraction) + (offset == 1) * fraction


def _wide_hat_weights(coordinates: Tensor, start: Tensor, length: Tensor, source: int) -> Tensor:
    """Weights as `_hat_weights` whose hats reach as far as a crop shrinks, float64.

    Pixels outside of the crop have no part; the rest is scaled to sum to 1. Of use only where the
    crop is longer than the target, so that each hat holds a pixel.
    """
    width = (length / coordinates.shape[1])[:, None, None]
    pixels = torch.arange(source, device=coordinates.device, dtype=torch.float64)
    hats = (1 - (pixels - coordinates[..., None]).abs() / width).clamp(min=0)
    within = pixels + 0.5 - start[:, None]
    inside = (within >= 0) & (within <= length[:, None])
    hats = hats * inside[:, None]
    return hats / hats.sum(2, keepdim=True)


def apply_matrices(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Resample images along both axes: ``rows @ image @ columns^T``.

    Args:
        images: ``[N, C, H, W]``, any floating dtype; the product is taken in this dtype, also
            under autocast.
        rows: ``[N, S, H]``, or ``[1, S, H]`` for one view of all images (not copied per image).
        columns: ``[N, T, W]`` or ``[1, T, W]``.

    Returns:
        ``[N, C, S, T]`` in the dtype of ``images``.

    Raises:
        FD2Error: if the shapes do not fit together.
    """
    for name, matrix, axis in (("rows", rows, 2), ("columns", columns, 3)):
        fits = (
            images.ndim == 4
            and matrix.ndim == 3
            and matrix.shape[0] in (1, images.shape[0])
            and matrix.shape[2] == images.shape[axis]
        )
        if not fits:
            raise FD2Error(
                f"{name} of shape {tuple(matrix.shape)} do not fit images "
                f"of shape {tuple(images.shape)}",
                "augment.geometry.apply_matrices",
                "give images [N, C, H, W], rows [N or 1, S, H] and columns [N or 1, T, W]",
            )
    images, rows = _within_support(images, rows, 2)
    images, columns = _within_support(images, columns, 3)
    with torch.autocast(images.device.type, enabled=False):
        narrowed = torch.matmul(images.flatten(1, 2), columns.to(images.dtype).mT)
        narrowed = narrowed.reshape(*images.shape[:3], -1)
        return torch.matmul(rows.to(images.dtype)[:, None], narrowed)


def _within_support(images: Tensor, matrix: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Images and matrix without the source pixels that one view of all images gives no weight.

    A crop of half the image is half the arithmetic. Only on a CPU: where the weights lie on a
    GPU, asking for them would wait for it.
    """
    if len(matrix) != 1 or matrix.device.type != "cpu":
        return images, matrix
    used = matrix[0].any(0).nonzero()
    first, last = int(used[0]), int(used[-1])
    return images.narrow(axis, first, last + 1 - first), matrix[:, :, first : last + 1]
