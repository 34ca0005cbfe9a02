"""What the ways through a student's steps keep in memory."""

from __future__ import annotations

import weakref
from collections import Counter

import pytest
import torch
from tests.trajectories.test_gradient import batches, expert, network, synthetic
from torch import Tensor

from fd2.trajectories.distance import TrajectoryDistance
from fd2.trajectories.flat_network import FlatNetwork
from fd2.trajectories.gradient import MEMORY, SyntheticSet, trajectory_gradient

__all__ = ["expert", "network", "synthetic"]


class Holder:
    """A tensor that autograd keeps."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class Kept:
    """Bytes that autograd keeps for backward at a time, at most; shared memory counts once."""

    def __init__(self) -> None:
        self.held: Counter[tuple[int, int]] = Counter()
        self.most = 0

    def pack(self, tensor: Tensor) -> Holder:
        storage = tensor.untyped_storage()
        key = storage.data_ptr(), storage.nbytes()
        self.held[key] += 1
        self.most = max(self.most, sum(size for (_, size), count in self.held.items() if count))
        holder = Holder(tensor)
        weakref.finalize(holder, self.held.subtract, [key])
        return holder


@pytest.mark.parametrize("memory", MEMORY)
def test_what_is_kept_for_backward_grows_with_the_steps_in_the_graph_alone(
    memory: str, network: FlatNetwork, expert: tuple[Tensor, Tensor], synthetic: SyntheticSet
) -> None:
    def most(steps: int) -> int:
        kept = Kept()
        with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda holder: holder.tensor):
            asked = network, synthetic, TrajectoryDistance(*expert), batches(steps, False)
            trajectory_gradient(*asked, memory)
        assert not +kept.held and kept.most > 0
        return kept.most

    few, many = most(2), most(8)
    vector = expert[0].untyped_storage().nbytes()
    if memory == "graph":
        assert many > 3 * few and many > few + 6 * vector
    else:
        assert few <= many <= few + 6 * vector
