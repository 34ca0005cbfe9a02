"""Choices of real images by their features: Herding, K-Center and K-Means."""

from __future__ import annotations

import torch
from torch import Tensor

#: Of the centres of K-Means, which come to rest long before.
_MOST_MOVES = 300


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


def k_means(features: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """The images nearest to the centres of n clusters (Forgy 1965), one of each.

    Centres start at images drawn at random and are moved to the mean of those nearest to them until
    none changes its cluster; one that loses all stays. An image that is nearest to two centres
    goes to the first.

    Args:
        features: ``[M, D]``.
        count: n, from 1 to M.
        generator: on the CPU; of the first centres.

    Returns:
        int64 ``[n]``, positions in the order of the clusters.
    """
    features = features.double()
    centres = features[torch.randperm(len(features), generator=generator)[:count]]
    nearest = torch.full((len(features),), -1)
    for _ in range(_MOST_MOVES):
        found = torch.cdist(features, centres).argmin(1)
        if torch.equal(found, nearest):
            break
        nearest = found
        sizes = torch.bincount(nearest, minlength=count)
        sums = torch.zeros_like(centres).index_add_(0, nearest, features)
        means = sums / sizes.clamp(min=1)[:, None]
        centres = torch.where((sizes > 0)[:, None], means, centres)
    distances = torch.cdist(centres, features)
    chosen: list[int] = []
    for own in distances:
        best = int(own.argmin())
        distances[:, best] = torch.inf
        chosen.append(best)
    return torch.tensor(chosen, dtype=torch.long)
