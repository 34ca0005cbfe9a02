"""Greedy choices of real images by their features: Herding and K-Center."""

from __future__ import annotations

import torch
from torch import Tensor


def herding(features: Tensor, count: int) -> Tensor:
    """Images whose mean feature follows that of all, one after the other.

    The next image x minimises ``||(t + 1) mu - sum of the t chosen features - f(x)||`` (Welling
    2009; iCaRL, algorithm 4). Of equal ones the first is chosen.

    Args:
        features: ``[M, D]``.
        count: n, at most M.

    Returns:
        int64 ``[n]``, positions in the order of choice.
    """
    features = features.double()
    mean = features.mean(0)
    squares = features.square().sum(1)
    free = torch.ones(len(features), dtype=torch.bool)
    wanted = torch.zeros_like(mean)
    chosen = []
    for _ in range(count):
        wanted = wanted + mean
        # The square of the distance, but for ||wanted||², which is the same for all.
        distance = squares - 2 * features @ wanted
        best = int(distance.masked_fill(~free, torch.inf).argmin())
        free[best] = False
        wanted = wanted - features[best]
        chosen.append(best)
    return torch.tensor(chosen)


def nearest_to_mean(features: Tensor, count: int) -> Tensor:
    """Images by the distance of their features to the mean of all, nearest first.

    The public code of DC and DM starts K-Center at the first of them.

    Args:
        features: ``[M, D]``.
        count: n, at most M.

    Returns:
        int64 ``[n]``, positions; of equal ones the first is next.
    """
    features = features.double()
    distance = (features - features.mean(0)).square().sum(1)
    return distance.argsort(stable=True)[:count]


def k_center(features: Tensor, count: int, start: int) -> Tensor:
    """Farthest-first traversal: the next image is farthest from the nearest chosen one.

    Args:
        features: ``[M, D]``.
        count: n, at most M.
        start: position of the first image.

    Returns:
        int64 ``[n]``, positions in the order of choice. Of equally far ones the first is next.
    """
    features = features.double()
    nearest = torch.full((len(features),), torch.inf, dtype=torch.float64)
    chosen = [start]
    while len(chosen) < count:
        distance = (features - features[chosen[-1]]).square().sum(1)
        nearest = torch.minimum(nearest, distance)
        # Copies of a chosen image have distance 0, a chosen one less.
        nearest[chosen[-1]] = -1
        chosen.append(int(nearest.argmax()))
    return torch.tensor(chosen)
