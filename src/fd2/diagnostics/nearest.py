"""How near images are to real ones: what a person would recognise of private photographs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

#: Larger images are averaged to this height and width: noise is not what a person recognises by.
COMPARED_PIXELS = 64
#: Real images whose own nearest neighbours tell what is near, spread evenly over all.
REFERENCES = 512
_CHUNK = 512


@dataclass(frozen=True)
class Nearest:
    """Distances to the nearest real image, in grey levels from 0 to 255.

    A distance is the root of the mean squared difference of two images' pixels, after images of
    more than `COMPARED_PIXELS` were averaged to these.

    Attributes:
        distances: float32 ``[N]``, of each image.
        among_real: median distance of a real image to the nearest other one.
        pixels: height and width at which they were compared.
    """

    distances: Tensor
    among_real: float
    pixels: int


def nearest_real(images: Tensor, real: np.ndarray) -> Nearest:
    """Compare images uint8 ``[N, K, H, W]`` with real ones uint8 ``[M, H, W, K]``, M of 2 at least.

    Both have the same size and channels.
    """
    pixels = min(images.shape[-1], COMPARED_PIXELS)
    ours = _points(images, pixels)
    rows = np.linspace(0, len(real) - 1, min(REFERENCES, len(real))).astype(int)
    references = _points(_planes(real[rows]), pixels)
    distances = torch.full((len(ours),), torch.inf)
    among = torch.full((len(references),), torch.inf)
    for begin in range(0, len(real), _CHUNK):
        theirs = _points(_planes(real[begin : begin + _CHUNK]), pixels)
        distances = torch.minimum(distances, _nearest(ours, theirs))
        # Not an image from itself.
        itself = torch.from_numpy(rows)[:, None] == torch.arange(begin, begin + len(theirs))
        among = torch.minimum(among, _nearest(references, theirs, itself))
    return Nearest(distances, float(among.median()), pixels)


def _nearest(ours: Tensor, theirs: Tensor, apart: Tensor | None = None) -> Tensor:
    """Distance ``[N]`` of each point to the nearest of the others, but for pairs in ``apart``."""
    squares = (ours**2).sum(1)[:, None] - 2 * ours @ theirs.T + (theirs**2).sum(1)
    if apart is not None:
        squares = squares.masked_fill(apart, torch.inf)
    least, nearest = squares.min(1)
    # The product rounds: what it calls nearest is measured again, so that copies are at 0.
    exact = (ours - theirs[nearest]).square().mean(1).sqrt()
    return torch.where(least.isinf(), least, exact)


def _planes(images: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)


def _points(images: Tensor, pixels: int) -> Tensor:
    """Images uint8 ``[N, K, H, W]`` as points ``[N, K * pixels²]``, centred on middle grey."""
    chunks = [adaptive_avg_pool2d(chunk.float(), pixels) for chunk in images.split(_CHUNK)]
    return torch.cat(chunks).flatten(1) - 127.5
