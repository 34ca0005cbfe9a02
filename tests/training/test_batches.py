"""Batches of nearly equal size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fd2.training.batches import epoch_batches, even_sizes


@pytest.mark.parametrize("most", [1, 2, 4, 7, 64])
def test_fewest_batches_that_differ_by_one_at_most(most: int) -> None:
    for count in range(1, 130):
        sizes = even_sizes(count, most)
        assert sum(sizes) == count and max(sizes) <= most
        assert max(sizes) - min(sizes) <= 1
        assert len(sizes) == (count + most - 1) // most


def test_an_epoch_holds_every_index_once() -> None:
    batches = epoch_batches(np.random.default_rng(0), 50, 12)
    assert [len(batch) for batch in batches] == even_sizes(50, 12)
    indices = torch.cat(batches)
    assert indices.dtype == torch.int64
    assert sorted(indices.tolist()) == list(range(50)) != indices.tolist()


def test_order_comes_from_the_generator() -> None:
    orders = [torch.cat(epoch_batches(np.random.default_rng(s), 50, 12)) for s in (0, 0, 1)]
    assert torch.equal(orders[0], orders[1]) and not torch.equal(orders[0], orders[2])
