"""Experts against plain loops and slow formulas, and to the same bits after a stop."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.fake_tensors import READS_A_VALUE, fake_copy, fake_module, fake_tensors
from tests.trajectories.conftest import GSAM
from torch import Tensor
from torch.nn.functional import cross_entropy

from fd2.artifacts.prepared import PreparedDataset
from fd2.augment import normalise
from fd2.augment.differentiable import draw_augmentations
from fd2.augment.normalise import Normaliser
from fd2.config import plugins
from fd2.config.experts import ExpertSettings, GsamSettings
from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.image_counts import even_sizes
from fd2.networks.backbone import Backbone
from fd2.runtime.interruption import StoppedError
from fd2.runtime.job import Job, StateSettings
from fd2.runtime.seeds import seed_from, torch_generator
from fd2.runtime.state import stage_state
from fd2.trajectories.expert_training import ExpertTraining
from fd2.trajectories.flat_network import FlatNetwork
from fd2.trajectories.gsam import gsam_gradient

Settings = Callable[..., ExpertSettings]


def trained(settings: ExpertSettings, dataset: PreparedDataset, job: Job) -> Tensor:
    training = ExpertTraining(settings, dataset, job)
    training.run()
    return training.weights


def fresh(settings: ExpertSettings, dataset: PreparedDataset) -> Backbone:
    """The network that an expert starts from."""
    names = ("train_expert", settings.seed, settings.dataset, settings.backbone, settings.number)
    seen = NetworkInput(dataset.manifest.channels, dataset.manifest.resolution)
    plugin = plugins.load("backbones", settings.backbone)
    network: Backbone = plugin.build(
        dataset.num_classes, "scratch", seed=seed_from(*names, "weights"), images=seen
    )
    return network


def flat(network: Backbone) -> Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()]).clone()


@pytest.mark.parametrize(
    "changes",
    [{}, {"augmentation": []}, {"momentum": 0.9, "weight_decay": 0.01}],
    ids=["plain", "as they are", "momentum and decay"],
)
def test_an_expert_is_a_plain_loop_of_torchs_sgd(
    expert_settings: Settings, dataset: PreparedDataset, job: Job, changes: dict[str, Any]
) -> None:
    settings = expert_settings(**changes)
    network = fresh(settings, dataset)
    optimiser = torch.optim.SGD(
        network.parameters(),
        lr=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )
    manifest, labels = dataset.manifest, dataset.train.labels
    pixels = dataset.train.all_images(torch.device("cpu"))
    images = Normaliser(manifest.mean, manifest.std).normalise(pixels)
    expected = [flat(network)]
    for epoch in range(settings.epochs):
        draws = torch_generator("train_expert", 0, "cells", "convnet", 0, "epoch", epoch)
        order = torch.randperm(len(labels), generator=draws)
        for rows in order.split(even_sizes(len(labels), settings.batch_size)):
            seen = images[rows]
            if settings.augmentation:
                operations = settings.augmentation
                seen = draw_augmentations(draws, operations, len(rows), shared=True).apply(seen)
            optimiser.zero_grad()
            cross_entropy(network(seen), labels[rows]).backward()
            optimiser.step()
        expected.append(flat(network))
    weights = trained(settings, dataset, job)
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights, torch.stack(expected), rtol=1e-4, atol=1e-6)


def test_snapshots_are_no_aliases(
    expert_settings: Settings, dataset: PreparedDataset, job: Job
) -> None:
    settings = expert_settings(epochs=3)
    weights = trained(settings, dataset, job)
    assert torch.equal(weights[0], flat(fresh(settings, dataset)))
    steps = (weights[1:] - weights[:-1]).norm(dim=1)
    assert (steps > 1e-3).all(), "each epoch moves the parameters"
    # A longer run begins as a shorter one.
    assert torch.equal(trained(expert_settings(epochs=1), dataset, job), weights[:2])


def slow_gsam(vector: Tensor, at: Any, rho: float, alpha: float) -> Tensor:
    """Parameter by parameter, in Python's numbers."""
    p, g = vector.tolist(), at(vector).tolist()
    norm = sum((abs(a) * b) ** 2 for a, b in zip(p, g, strict=True)) ** 0.5 + 1e-12
    moved = [a + rho * a**2 * b / norm for a, b in zip(p, g, strict=True)]
    there = at(torch.tensor(moved, dtype=torch.float64)).tolist()
    inner = sum(a * b for a, b in zip(g, there, strict=True))
    squared = sum(b * b for b in there)
    across = [a - inner / squared * b for a, b in zip(g, there, strict=True)]
    return torch.tensor(
        [b - alpha * c for b, c in zip(there, across, strict=True)], dtype=torch.float64
    )


@pytest.mark.parametrize(("rho", "alpha"), [(0.01, 0.3), (0.5, 0.0), (0.2, 1.5)])
def test_gsam_against_a_slow_formula(rho: float, alpha: float) -> None:
    generator = torch.Generator().manual_seed(0)
    curvature = torch.randn(7, 7, generator=generator, dtype=torch.float64)
    vector = torch.randn(7, generator=generator, dtype=torch.float64)

    def at(there: Tensor) -> Tensor:
        """Of a loss whose gradient turns on the way."""
        return curvature @ there.sin() + there**2

    found = gsam_gradient(vector, at(vector), at, GsamSettings(rho, alpha))
    torch.testing.assert_close(found, slow_gsam(vector, at, rho, alpha), rtol=1e-12, atol=0)


def test_gsam_where_there_is_no_slope_stays_finite() -> None:
    zero = torch.zeros(3)
    assert torch.equal(gsam_gradient(torch.ones(3), zero, lambda _: zero, GsamSettings(1, 1)), zero)


def test_a_step_of_gsam_is_its_gradient_of_the_same_augmented_batch(
    expert_settings: Settings, dataset: PreparedDataset, job: Job
) -> None:
    settings = expert_settings(batch_size=100, epochs=1, learning_rate=0.5, **GSAM)
    weights = trained(settings, dataset, job).double()
    network = FlatNetwork(fresh(settings, dataset).double())
    draws = torch_generator("train_expert", 0, "cells", "convnet", 0, "epoch", 0)
    rows = torch.randperm(len(dataset.train.labels), generator=draws)
    manifest = dataset.manifest
    pixels = dataset.train.all_images(torch.device("cpu"))[rows]
    images = Normaliser(manifest.mean, manifest.std).normalise(pixels).double()
    seen = draw_augmentations(draws, settings.augmentation, len(rows), shared=True).apply(images)

    def at(vector: Tensor) -> Tensor:
        leaf = vector.clone().requires_grad_()
        loss = cross_entropy(network.logits(leaf, seen), dataset.train.labels[rows])
        return torch.autograd.grad(loss, leaf)[0]

    assert settings.gsam is not None
    start = network.vector()
    expected = slow_gsam(start, at, settings.gsam.rho, settings.gsam.alpha)
    found = (weights[0] - weights[1]) / settings.learning_rate
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=2e-5)
    across = (found - at(start)).norm() / expected.norm()
    assert across > 1e-2, "it is not the plain gradient"


@pytest.mark.parametrize("changes", [{"momentum": 0.9}, GSAM], ids=["sgd", "gsam"])
@pytest.mark.parametrize("passes", [1, 4, 7])
def test_a_stopped_run_goes_on_to_the_same_bits(
    expert_settings: Settings,
    dataset: PreparedDataset,
    job: Job,
    tmp_path: Path,
    interrupt: Any,
    passes: int,
    changes: dict[str, Any],
) -> None:
    settings = expert_settings(epochs=3, **changes)
    whole = ExpertTraining(settings, dataset, job)
    result = whole.run()
    apart = replace(job, state=StateSettings(tmp_path, 300))

    def run() -> tuple[Tensor, dict[str, Any]]:
        training = ExpertTraining(settings, dataset, apart)
        with stage_state(apart, {"stage": "train_expert"}) as state:
            told = training.run(state.part("training"))
        return training.weights, told

    interrupt(passes, signal.SIGTERM)
    with pytest.raises(StoppedError):
        run()
    weights, told = run()
    assert torch.equal(weights, whole.weights)
    assert told == result


def test_experts_differ_by_number_and_start_alike_under_two_optimisers(
    expert_settings: Settings, dataset: PreparedDataset, job: Job
) -> None:
    before = torch.get_rng_state()
    first = trained(expert_settings(), dataset, job)
    torch.manual_seed(7)
    assert torch.equal(trained(expert_settings(), dataset, job), first)
    for other in ({"number": 1}, {"seed": 1}):
        weights = trained(expert_settings(**other), dataset, job)
        assert not torch.equal(weights[0], first[0])
    flatter = trained(expert_settings(**GSAM), dataset, job)
    assert torch.equal(flatter[0], first[0]) and not torch.equal(flatter[1], first[1])
    torch.set_rng_state(before)


def test_the_result_tells_losses_and_accuracy(
    expert_settings: Settings, dataset: PreparedDataset, job: Job
) -> None:
    settings = expert_settings(epochs=30, augmentation=[])
    training = ExpertTraining(settings, dataset, job)
    result = training.run()
    losses = result["loss"]
    assert len(losses) == 30 and losses[-1] < losses[0] / 2
    manifest = dataset.manifest
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        images = Normaliser(manifest.mean, manifest.std).normalise(
            split.all_images(torch.device("cpu"))
        )
        answers = training.network.logits(training.weights[-1], images).argmax(1)
        share = 100 * (answers == split.labels).double().mean().item()
        assert result[name]["top1"] == pytest.approx(share)
    assert result["train"]["top1"] > 60


def test_a_loss_that_is_not_finite_is_named(
    expert_settings: Settings, dataset: PreparedDataset, job: Job
) -> None:
    with pytest.raises(FD2Error, match="not finite") as refused:
        trained(expert_settings(learning_rate=1e30), dataset, job)
    assert "train_expert.learning_rate" in refused.value.fix


def test_batch_norm_is_refused_before_an_image_is_read(
    expert_settings: Settings, dataset: PreparedDataset, job: Job
) -> None:
    unread = replace(dataset, train=None, test=None)  # type: ignore[arg-type]
    with pytest.raises(FD2Error, match=r"buffer '.*running_mean'") as refused:
        ExpertTraining(expert_settings(backbone="resnet10t"), unread, job)
    assert "convnet" in refused.value.fix


@pytest.mark.parametrize("changes", [{}, GSAM], ids=["sgd", "gsam"])
def test_a_step_reads_nothing_on_the_host(
    expert_settings: Settings,
    dataset: PreparedDataset,
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
) -> None:
    training = ExpertTraining(expert_settings(augmentation=[], **changes), dataset, job)
    # Constants are not kept, so that fake and real ones do not meet.
    constants = normalise._channel_statistics.__wrapped__
    monkeypatch.setattr(normalise, "_channel_statistics", constants)
    pixels = dataset.train.batch(torch.arange(4), torch.device("cpu"))
    with fake_tensors(monkeypatch):
        training._vector = fake_copy(training._vector, "cpu")
        training._optimiser = torch.optim.SGD([training._vector], 0.1, fused=True)
        training.network = FlatNetwork(fake_module(training._module, "cpu"))
        labels = torch.zeros(4, dtype=torch.int64)
        loss, _ = training._step(fake_copy(pixels, "cpu"), labels, None)
        with pytest.raises(READS_A_VALUE):
            float(loss)
