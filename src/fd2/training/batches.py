"""The batches of an epoch of real images."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fd2.image_counts import even_sizes


def epoch_batches(rng: np.random.Generator, count: int, most: int) -> list[Tensor]:
    """A shuffled epoch as index tensors (int64, on the CPU), sizes as in `even_sizes`."""
    order = torch.from_numpy(rng.permutation(count))
    return list(order.split(even_sizes(count, most)))
