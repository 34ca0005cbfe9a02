"""What the ways through a student's steps keep in memory, and images in pieces."""

from __future__ import annotations

import weakref
from collections import Counter
from typing import Any

import pytest
import torch
from tests.trajectories.test_gradient import batches, expert, network, synthetic, tensors
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


def most_kept(*asked: Any) -> int:
    """Of a gradient, whose arguments these are."""
    kept = Kept()
    with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda holder: holder.tensor):
        trajectory_gradient(*asked)
    assert not +kept.held and kept.most > 0
    return kept.most


@pytest.mark.parametrize("memory", MEMORY)
def test_what_is_kept_for_backward_grows_with_the_steps_in_the_graph_alone(
    memory: str, network: FlatNetwork, expert: tuple[Tensor, Tensor], synthetic: SyntheticSet
) -> None:
    asked = network, synthetic, TrajectoryDistance(*expert)
    few, many = (most_kept(*asked, batches(steps, False), memory) for steps in (2, 8))
    vector = expert[0].untyped_storage().nbytes()
    if memory == "graph":
        assert many > 3 * few and many > few + 6 * vector
    else:
        assert few <= many <= few + 6 * vector


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize("images_at_once", [1, 3, 9])
@pytest.mark.parametrize("dropped", [(0.0,), (0.25, "largest")])
def test_images_in_pieces_give_the_same_gradient(
    memory: str,
    images_at_once: int,
    dropped: tuple[Any, ...],
    network: FlatNetwork,
    expert: tuple[Tensor, Tensor],
    synthetic: SyntheticSet,
) -> None:
    """Of four images a step; nine are all of them."""
    asked = network, synthetic, TrajectoryDistance(*expert, *dropped), batches(), memory
    whole, pieces = (trajectory_gradient(*asked, size) for size in (None, images_at_once))
    for one, other in zip(tensors(pieces), tensors(whole), strict=True):
        assert other.abs().max() > 0
        if images_at_once == 9:
            assert torch.equal(one, other)
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("memory", ["sweep", "tesla"])
def test_images_in_pieces_are_kept_one_piece_at_a_time(
    memory: str, network: FlatNetwork, expert: tuple[Tensor, Tensor], synthetic: SyntheticSet
) -> None:
    """Of four images a step, beside the parameters."""
    asked = network, synthetic, TrajectoryDistance(*expert), batches(2, False), memory
    vector = expert[0].untyped_storage().nbytes()
    whole, half, one = (most_kept(*asked, size) - vector for size in (None, 2, 1))
    assert half == pytest.approx(whole / 2, rel=0.02)
    assert one == pytest.approx(whole / 4, rel=0.02)
