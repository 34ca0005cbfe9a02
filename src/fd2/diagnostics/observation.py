"""What a network sees in images: pooled features and attention."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from fd2.networks.teacher import Teacher


class Observation(NamedTuple):
    """Pooled features ``[N, D]`` and attention ``[N, M, h, w]``, both on the network's device."""

    features: Tensor
    attention: Tensor


@torch.no_grad()
def observe(teacher: Teacher, batches: Iterable[Tensor]) -> Observation:
    """Look at images.

    Features are GAP(F), what the backbone's classifier sees (FD² eq. 7). Attention is A of a
    teacher with attention head (eq. 3). A plain one has none; its channel-mean activation map
    stands in, with M = 1, which does not compare with the maps of an attention head.

    Args:
        teacher: frozen, in evaluation mode.
        batches: normalised images ``[B, 3, H, W]`` on the teacher's device, all of one size; at
            least one batch.
    """
    features, attention = [], []
    for images in batches:
        output = teacher(images)
        features.append(output.features.float().mean(dim=(2, 3)))
        maps = output.features.mean(dim=1, keepdim=True)
        attention.append((maps if output.attention is None else output.attention).float())
    return Observation(torch.cat(features), torch.cat(attention))
