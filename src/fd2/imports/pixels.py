"""From pixels that others normalised to shares of white, and what shows a mistake in that."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fd2.errors import FD2Error
from fd2.imports.source_files import WHERE

#: How far beyond black and white rounding takes a picture, as a share of white.
_ROUNDED = 0.5 / 255
#: How near all pixels are to the 256 levels of a picture, in levels.
_ON_LEVELS = 0.01
#: Matching sets leave the range of pictures, but not with most of their pixels.
_MOST_OUTSIDE = 0.5


def denormalised(
    images: Tensor, mean: Sequence[float], std: Sequence[float]
) -> tuple[Tensor, float]:
    """The images as this project stores them.

    Args:
        images: ``[N, K, H, W]``, uint8, or float32 after subtraction of the mean and division by
            the standard deviation.
        mean: one a channel, in [0, 1].
        std: likewise.

    Returns:
        uint8 where they are, or where all pixels are levels of a picture; else float32, 0 for black
        and 1 for white. And the share of pixels beyond black and white.

    Raises:
        FD2Error: if pixels were not normalised by these values, as far as their range tells.
    """
    if images.dtype == torch.uint8:
        return images, 0.0
    _require_normalised(images, mean)
    shape = (1, -1, 1, 1)
    shares = images * images.new_tensor(std).view(shape) + images.new_tensor(mean).view(shape)
    beyond = (shares < -_ROUNDED) | (shares > 1 + _ROUNDED)
    outside = float(beyond.double().mean())
    centres = shares.mean(dim=(0, 2, 3))
    if outside > _MOST_OUTSIDE or not bool(((centres > 0) & (centres < 1)).all()):
        means = [round(value, 3) for value in centres.tolist()]
        raise FD2Error(
            f"with mean {[round(v, 4) for v in mean]} and std {[round(v, 4) for v in std]}, "
            f"{100 * outside:.0f} % of the pixels lie beyond black (0) and white (1), "
            f"means of channels are {means}",
            WHERE.format("mean"),
            "give the mean and std that the set was normalised with; sets whitened by ZCA cannot "
            "be brought back",
        )
    levels = 255 * shares
    if not outside and bool(((levels - levels.round()).abs() < _ON_LEVELS).all()):
        return levels.round().clamp(0, 255).to(torch.uint8), outside
    return shares, outside


def _require_normalised(images: Tensor, mean: Sequence[float]) -> None:
    low, high = (float(value) for value in images.aminmax())
    if low < -_ROUNDED or not any(mean):
        return
    if high <= 1 + _ROUNDED:
        what = f"pixels from {low:.3g} to {high:.3g} were not normalised: none is below 0"
        fix = "set mean to 0 and std to 1 for each channel"
    else:
        what = f"pixels from {low:.3g} to {high:.3g} are no normalised ones: none is below 0"
        fix = f"for pixels from 0 to 255, set mean to 0 and std to {1 / 255:.10f} for each channel"
    raise FD2Error(what, WHERE.format("mean"), fix)
