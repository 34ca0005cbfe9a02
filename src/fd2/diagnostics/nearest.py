"""How near images are to real ones: what a person would recognise of private photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from fd2.artifacts.files import file_digest
from fd2.artifacts.images import DistilledSet, read_slots

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


def start_distances(
    images: DistilledSet, steps: Sequence[Mapping[str, Any]], patches: Sequence[Path]
) -> Tensor | None:
    """Distances ``[N]`` of a set's images to the nearest of the crops that it began from.

    Args:
        images: the set.
        steps: metadata of the set and of its groups, which name the file of crops by its digest.
        patches: files of crops.

    Returns:
        As `Nearest.distances`; None where none of the files is the one.
    """
    began = {step["inputs"].get("patches") for step in steps}
    for path in patches:
        if file_digest(path) in began:
            crops = read_slots(path).images.flatten(0, 1).permute(0, 2, 3, 1).numpy()
            return nearest_real(images.pictures(), crops).distances
    return None


def nearest_facts(nearest: Nearest, start: Tensor | None) -> dict[str, Any]:
    """What provenance and card of an export say of a set.

    ``nearer_than_real`` counts images that are nearer to a real one, or to their start, than half
    of the real ones are to the nearest other one.
    """
    either = nearest.distances if start is None else torch.minimum(nearest.distances, start)
    return {
        "real": _least_and_median(nearest.distances),
        "start": None if start is None else _least_and_median(start),
        "among_real": nearest.among_real,
        "nearer_than_real": int((either < nearest.among_real).sum()),
        "pixels": nearest.pixels,
    }


def _least_and_median(distances: Tensor) -> dict[str, float]:
    return {"least": float(distances.min()), "median": float(distances.median())}


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
