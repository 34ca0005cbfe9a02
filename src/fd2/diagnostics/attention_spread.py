"""How differently a network looks at the images of one class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fd2.losses.distance import normalised_distance

#: A cell is attended where the mean attention map is above this share of its peak.
ATTENDED = 0.5
_GROUPS_AT_ONCE = 64


@dataclass(frozen=True)
class AttentionSpread:
    """Distance and coverage of attention, means over groups.

    Attributes:
        group_size: images in each group that counted.
        pairwise_distance: in [0, 1]; None for groups of one image.
        group_coverage: share of the map that some image of the group attends to, in [0, 1].
        image_coverage: share of the map that one image attends to, in [0, 1].
    """

    group_size: int
    pairwise_distance: float | None
    group_coverage: float
    image_coverage: float


def attention_spread(attention: Tensor, labels: Tensor, group_size: int) -> AttentionSpread:
    """Measure attention within groups of images of one class.

    The pairwise distance is the mean over pairs of a group of d(vec A_i, vec A_j), the distance of
    FD² eq. 10. Coverage is our own definition: a cell is attended where the mean over the attention
    maps is above `ATTENDED` times its peak, and a group covers the cells that at least one of its
    images attends to.

    Args:
        attention: A ``[N, M, h, w]``, non-negative.
        labels: int64 ``[N]`` on any device; the images of a class are grouped in their order.
        group_size: N_s, see `groups_of`.
    """
    groups = groups_of(labels, group_size)
    size = groups.shape[1]
    seen = attended(attention)
    first, second = torch.triu_indices(size, size, offset=1)
    distances, unions = [], []
    # Some groups at a time: all pairs of a large set would not fit into memory.
    for rows in groups.to(attention.device).split(_GROUPS_AT_ONCE):
        flat = attention[rows].flatten(2)
        distances.append(normalised_distance(flat[:, first], flat[:, second]).double().mean(1))
        unions.append(seen[rows].any(dim=1).double().mean(dim=(1, 2)))
    return AttentionSpread(
        size,
        torch.cat(distances).mean().item() if size > 1 else None,
        torch.cat(unions).mean().item(),
        seen.double().mean().item(),
    )


def groups_of(labels: Tensor, size: int) -> Tensor:
    """Consecutive images of each class in groups of equal size.

    Only whole groups count, because a shorter one covers less: at five images per class and groups
    of four, the fifth image is left out. Where no class has a whole group, a group is the largest
    class's images.

    Args:
        labels: int64 ``[N]``, N >= 1.
        size: images of a group, at least 1.

    Returns:
        int64 ``[G, S]`` on the CPU, positions in ``labels``, S the smaller of ``size`` and the
        number of images of the largest class.
    """
    labels = labels.cpu()
    counts = torch.bincount(labels)
    size = min(size, int(counts.max()))
    order = torch.argsort(labels, stable=True)
    starts = counts.cumsum(0) - counts
    rank = torch.arange(len(labels)) - starts[labels[order]]
    whole = rank < (counts // size * size)[labels[order]]
    return order[whole].reshape(-1, size)


def attended(attention: Tensor) -> Tensor:
    """The cells that each image attends to.

    Args:
        attention: ``[N, M, h, w]``, non-negative.

    Returns:
        bool ``[N, h, w]``; nowhere for a map of zeros.
    """
    mean = attention.float().mean(dim=1)
    return mean > ATTENDED * mean.amax(dim=(1, 2), keepdim=True)
