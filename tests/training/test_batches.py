"""The batches of an epoch."""

from __future__ import annotations

import numpy as np
import torch

from fd2.image_counts import even_sizes
from fd2.training.batches import epoch_batches


def test_an_epoch_holds_every_index_once() -> None:
    batches = epoch_batches(np.random.default_rng(0), 50, 12)
    assert [len(batch) for batch in batches] == even_sizes(50, 12)
    indices = torch.cat(batches)
    assert indices.dtype == torch.int64
    assert sorted(indices.tolist()) == list(range(50)) != indices.tolist()


def test_order_comes_from_the_generator() -> None:
    orders = [torch.cat(epoch_batches(np.random.default_rng(s), 50, 12)) for s in (0, 0, 1)]
    assert torch.equal(orders[0], orders[1]) and not torch.equal(orders[0], orders[2])
