"""The gradient through a student's steps, against slow formulas and finite differences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.fake_tensors import READS_A_VALUE, fake_copy, fake_module, fake_tensors
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from fd2.augment.differentiable import OPERATIONS, draw_augmentations
from fd2.config import plugins
from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.networks.backbone import Backbone
from fd2.trajectories.distance import TrajectoryDistance, dropped_positions
from fd2.trajectories.flat_network import FlatNetwork
from fd2.trajectories.gated_sgd import GatedSGD
from fd2.trajectories.gradient import (
    MEMORY,
    InnerBatch,
    SyntheticSet,
    TrajectoryGradient,
    trajectory_gradient,
)
from fd2.trajectories.matching import enhanced

CLASSES, IMAGES, SIZE = 3, 6, 8


def built(name: str = "convnet") -> Backbone:
    plugin = plugins.load("backbones", name)
    network: Backbone = plugin.build(CLASSES, "scratch", seed=0, images=NetworkInput(1, SIZE))
    return network.double()


@pytest.fixture(scope="module")
def network() -> FlatNetwork:
    return FlatNetwork(built())


@pytest.fixture(scope="module")
def expert(network: FlatNetwork) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    start = network.vector()
    return start, start + 0.02 * torch.randn(len(start), generator=generator, dtype=start.dtype)


@pytest.fixture(params=["class ids", "logits"])
def synthetic(request: pytest.FixtureRequest) -> SyntheticSet:
    generator = torch.Generator().manual_seed(2)
    options = {"generator": generator, "dtype": torch.float64}
    images = torch.randn(IMAGES, 1, SIZE, SIZE, **options)
    labels = torch.arange(IMAGES) % CLASSES
    if request.param == "logits":
        labels = torch.randn(IMAGES, CLASSES, **options)
    return SyntheticSet(images, labels, torch.tensor(0.05, dtype=torch.float64))


def batches(steps: int = 4, augmented: bool = True) -> list[InnerBatch]:
    generator = torch.Generator().manual_seed(3)
    drawn = []
    for _ in range(steps):
        rows = torch.randperm(IMAGES, generator=generator)[:4]
        record = draw_augmentations(generator, OPERATIONS, 4, shared=True) if augmented else None
        drawn.append(InnerBatch(rows, record))
    return drawn


def tensors(gradient: TrajectoryGradient) -> list[Tensor]:
    found = [gradient.distance, gradient.images, gradient.rate]
    return found if gradient.labels is None else [*found, gradient.labels]


#: What is left out, as `TrajectoryDistance` takes it.
dropping = pytest.mark.parametrize("dropped", [(0.0,), (0.25,), (0.25, "largest")])


@dropping
def test_the_sweep_is_autograd_through_all_steps(
    network: FlatNetwork,
    expert: tuple[Tensor, Tensor],
    synthetic: SyntheticSet,
    dropped: tuple[Any, ...],
) -> None:
    asked = network, synthetic, TrajectoryDistance(*expert, *dropped), batches()
    through, back = trajectory_gradient(*asked, "graph"), trajectory_gradient(*asked, "sweep")
    assert (through.labels is None) == (not synthetic.labels.is_floating_point())
    for one, other in zip(tensors(back), tensors(through), strict=True):
        assert other.abs().max() > 0
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-14)


def test_autograd_is_the_loop_that_one_would_write(
    network: FlatNetwork, expert: tuple[Tensor, Tensor], synthetic: SyntheticSet
) -> None:
    module = built()
    names = [name for name, _ in module.named_parameters()]
    images = synthetic.images.clone().requires_grad_()
    rate = synthetic.rate.clone().requires_grad_()
    values = [value.detach().clone().requires_grad_() for value in module.parameters()]
    for batch in batches():
        assert batch.record is not None
        seen = batch.record.apply(images[batch.rows])
        logits = functional_call(module, dict(zip(names, values, strict=True)), (seen,))
        targets = synthetic.labels[batch.rows]
        if targets.is_floating_point():
            targets = torch.exp(targets) / torch.exp(targets).sum(1, keepdim=True)
        slopes = torch.autograd.grad(cross_entropy(logits, targets), values, create_graph=True)
        values = [value - rate * slope for value, slope in zip(values, slopes, strict=True)]
    start, target = expert
    end = torch.cat([value.flatten() for value in values])
    distance = ((end - target) ** 2).sum() / ((start - target) ** 2).sum()
    wanted = torch.autograd.grad(distance, [images, rate])
    found = trajectory_gradient(network, synthetic, TrajectoryDistance(*expert), batches(), "graph")
    torch.testing.assert_close(found.distance, distance.detach(), rtol=1e-10, atol=0)
    torch.testing.assert_close(found.images, wanted[0], rtol=1e-9, atol=1e-13)
    torch.testing.assert_close(found.rate, wanted[1], rtol=1e-9, atol=1e-13)


def test_gradients_are_finite_differences(
    network: FlatNetwork, expert: tuple[Tensor, Tensor], synthetic: SyntheticSet
) -> None:
    distance, step = TrajectoryDistance(*expert), 1e-7
    gradient = trajectory_gradient(network, synthetic, distance, batches())

    def difference(changed: str, direction: Tensor) -> float:
        ends = []
        for sign in (1, -1):
            value = getattr(synthetic, changed) + sign * step * direction
            moved = replace(synthetic, **{changed: value})
            ends.append(trajectory_gradient(network, moved, distance, batches(), "tesla").distance)
        return float(ends[0] - ends[1]) / (2 * step)

    generator = torch.Generator().manual_seed(4)
    learned = ["images", "rate", *(["labels"] if gradient.labels is not None else [])]
    for name in learned:
        value = getattr(synthetic, name)
        direction = torch.randn(value.shape, generator=generator, dtype=value.dtype)
        along = float((getattr(gradient, name) * direction).sum())
        assert difference(name, direction) == pytest.approx(along, rel=1e-5)


@dropping
def test_tesla_is_the_sweep_with_the_last_parameters_gradient_held(
    network: FlatNetwork,
    expert: tuple[Tensor, Tensor],
    synthetic: SyntheticSet,
    dropped: tuple[Any, ...],
) -> None:
    start, target = expert
    vectors, slopes = [start], []
    for batch in batches():
        leaf = vectors[-1].clone().requires_grad_()
        slopes.append(slope_of(network, leaf, synthetic.images, synthetic.labels, batch).detach())
        vectors.append(vectors[-1] - synthetic.rate * slopes[-1])
    order = (vectors[-1] - target).square().argsort(descending=dropped[-1] == "largest")
    kept = order[int(dropped[0] * len(order)) :]
    held = torch.zeros_like(target)
    held[kept] = 2 * (vectors[-1] - target)[kept] / (start - target)[kept].square().sum()
    learned = synthetic.labels.is_floating_point()
    wanted = [torch.zeros_like(synthetic.images), *([synthetic.labels * 0] if learned else [])]
    for batch, vector in zip(batches(), vectors, strict=False):
        images = synthetic.images.clone().requires_grad_()
        labels = synthetic.labels.clone().requires_grad_(learned)
        leaf = vector.clone().requires_grad_()
        slope = slope_of(network, leaf, images, labels, batch)
        leaves = [images, *([labels] if learned else [])]
        gradients = torch.autograd.grad((slope * held).sum(), leaves)
        for total, gradient in zip(wanted, gradients, strict=True):
            total -= synthetic.rate * gradient
    distance = TrajectoryDistance(*expert, *dropped)
    found = trajectory_gradient(network, synthetic, distance, batches(), "tesla")
    torch.testing.assert_close(found.images, wanted[0], rtol=1e-9, atol=1e-13)
    assert (found.labels is not None) == learned
    if found.labels is not None:
        assert found.labels.abs().max() > 0
        torch.testing.assert_close(found.labels, wanted[1], rtol=1e-9, atol=1e-13)
    along = -torch.stack([slope @ held for slope in slopes]).sum()
    torch.testing.assert_close(found.rate, along, rtol=1e-9, atol=1e-13)
    exact = trajectory_gradient(network, synthetic, distance, batches())
    assert not torch.allclose(found.images, exact.images, rtol=1e-3)


def slope_of(
    network: FlatNetwork, vector: Tensor, images: Tensor, labels: Tensor, batch: InnerBatch
) -> Tensor:
    targets = labels[batch.rows]
    targets = targets.softmax(1) if targets.is_floating_point() else targets
    loss = cross_entropy(network.logits(vector, batch.seen(images[batch.rows])), targets)
    return torch.autograd.grad(loss, vector, create_graph=True)[0]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_dropped_parameters_count_neither_above_nor_below(share: float) -> None:
    generator = torch.Generator().manual_seed(5)
    start, target, end = torch.randn(3, 101, generator=generator, dtype=torch.float64)
    squares = [(float(a) - float(b)) ** 2 for a, b in zip(end, target, strict=True)]
    ways = [(float(a) - float(b)) ** 2 for a, b in zip(start, target, strict=True)]
    kept = sorted(range(101), key=squares.__getitem__)[int(share * 101) :]
    wanted = sum(squares[j] for j in kept) / sum(ways[j] for j in kept)
    end.requires_grad_()
    found = TrajectoryDistance(start, target, share)(end)
    assert found.item() == pytest.approx(wanted, rel=1e-12)
    found.backward()
    assert end.grad is not None
    assert end.grad.nonzero().flatten().tolist() == sorted(kept)


def test_the_largest_distances_are_the_others() -> None:
    """Low-loss supervision keeps exactly what dropout of as many would drop."""
    start, target, end = torch.randn(3, 40, generator=torch.Generator().manual_seed(6))
    left = []
    for dropped, share in (("smallest", 0.25), ("largest", 0.75)):
        leaf = end.clone().requires_grad_()
        TrajectoryDistance(start, target, share, dropped)(leaf).backward()
        assert leaf.grad is not None
        left.append(leaf.grad != 0)
    assert torch.equal(left[0], ~left[1]) and int(left[0].sum()) == 30


def test_dropped_positions() -> None:
    sizes = [3, 16, 1, 20]
    drawn = torch.Generator().manual_seed(0)
    found = {
        name: dropped_positions(name, 0.25, sizes, drawn).tolist()
        for name in ("first", "middle", "last", "random", "uniform")
    }
    assert found["first"] == list(range(10)) and found["last"] == list(range(30, 40))
    assert found["middle"] == list(range(15, 25))
    assert len(set(found["random"])) == 10 and set(found["random"]) <= set(range(40))
    assert dropped_positions("random", 0.25, sizes, drawn).tolist() != found["random"]
    # Of each tensor its share, rounded down.
    ends = [3, 19, 20, 40]
    counts = [
        sum(end - size <= at < end for at in found["uniform"])
        for size, end in zip(sizes, ends, strict=True)
    ]
    assert counts == [0, 4, 0, 5] and len(set(found["uniform"])) == 9
    start, target, end = torch.randn(3, 40, generator=drawn, dtype=torch.float64)
    positions = torch.tensor(found["random"])
    kept = [at for at in range(40) if at not in found["random"]]
    wanted = (end - target)[kept].square().sum() / (start - target)[kept].square().sum()
    torch.testing.assert_close(TrajectoryDistance(start, target, 0.25, positions)(end), wanted)


def test_of_equal_distances_the_count_is_still_exact() -> None:
    end = torch.ones(10, requires_grad=True)
    TrajectoryDistance(torch.full((10,), 3.0), torch.zeros(10), 0.4)(end).backward()
    assert end.grad is not None and int((end.grad != 0).sum()) == 6


@pytest.mark.parametrize("memory", MEMORY)
def test_nothing_is_read_on_the_host(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = built().float()
    rows = torch.arange(4)
    with fake_tensors(monkeypatch):
        network = FlatNetwork(fake_module(module, "cpu"))
        synthetic = SyntheticSet(
            torch.zeros(IMAGES, 1, SIZE, SIZE), torch.zeros(IMAGES, CLASSES), torch.tensor(0.1)
        )
        distance = TrajectoryDistance(*torch.zeros(2, network.size), 0.25)
        batches = [InnerBatch(fake_copy(rows, "cpu"))] * 2
        gradient = trajectory_gradient(network, synthetic, distance, batches, memory)
        images = GatedSGD(synthetic.images, 1.0, 0.5)
        maps = torch.zeros(IMAGES, SIZE, SIZE)
        images.step(gradient.images * enhanced(maps, 1.0, None), gradient.distance <= 1.0)
        with pytest.raises(READS_A_VALUE):
            float(gradient.distance)


def test_a_network_with_buffers_and_an_unknown_memory_are_refused(
    network: FlatNetwork, expert: tuple[Tensor, Tensor], synthetic: SyntheticSet
) -> None:
    plugin = plugins.load("backbones", "resnet10t")
    with pytest.raises(FD2Error, match="running_mean"):
        FlatNetwork(plugin.build(3, "scratch", seed=0, images=NetworkInput(3, 32)))
    mixing = built()
    mixing.add_module("last", torch.nn.BatchNorm1d(3, track_running_stats=False))
    with pytest.raises(FD2Error, match=r"'last', lets images .+ change each other"):
        FlatNetwork(mixing)
    with pytest.raises(FD2Error, match="unknown memory 'swep'") as refused:
        trajectory_gradient(network, synthetic, TrajectoryDistance(*expert), batches(), "swep")
    assert "sweep" in refused.value.fix
