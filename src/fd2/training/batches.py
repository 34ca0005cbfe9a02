"""Batches of nearly equal size, so that no batch is too small for batch normalisation."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def even_sizes(count: int, most: int) -> list[int]:
    """Sizes of the fewest batches of at most ``most`` items, differing by one at most.

    Args:
        count: items, at least 1.
        most: largest batch, at least 1.
    """
    batches = -(-count // most)
    return [len(part) for part in np.array_split(np.arange(count), batches)]


def epoch_batches(rng: np.random.Generator, count: int, most: int) -> list[Tensor]:
    """A shuffled epoch as index tensors (int64, on the CPU), sizes as in `even_sizes`."""
    order = torch.from_numpy(rng.permutation(count))
    return list(order.split(even_sizes(count, most)))
