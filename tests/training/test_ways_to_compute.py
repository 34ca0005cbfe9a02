"""Precision and memory format of networks in training, against loops without any of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from fd2.artifacts.images import read_distilled, read_slots
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.soft_labels import epoch_logits, read_soft_labels
from fd2.config.settings import PretrainSettings
from fd2.losses.pretrain_loss import cal_pretrain_loss, teacher_loss
from fd2.networks.cal import CALOutput
from fd2.networks.prototypes import update_momentum
from fd2.runtime.seeds import numpy_generator
from fd2.runtime.state import Snapshot
from fd2.training.accuracy import accuracies
from fd2.training.mixed_precision import MixedPrecision
from fd2.training.optimisers import student_optimiser, teacher_optimiser
from fd2.training.student_training import StudentData, StudentTraining, distillation_loss
from fd2.training.teacher_training import TeacherTraining
from fd2.training.teacher_views import attention_views, augment_training, epoch_batches

if TYPE_CHECKING:
    from tests.conftest import Chain

CPU = torch.device("cpu")


def student(chain: Chain, nine: Path, labels: Path, **changes: Any) -> StudentTraining:
    settings = chain.evaluate_settings(student="resnet10t", **changes)
    soft = read_soft_labels(labels)
    dataset, images = open_prepared(chain.data), read_distilled(nine)
    shared = StudentData(dataset, images, soft, chain.job.device)
    return StudentTraining(settings, shared, chain.job.device)


def teacher(chain: Chain, training: str, **changes: Any) -> TeacherTraining:
    settings: PretrainSettings = chain.pretrain_settings(
        training, batch_norm_statistics="running", **changes
    )
    return TeacherTraining(settings, open_prepared(chain.data), chain.job)


def comparable(chain: Chain, training: str, **changes: Any) -> TeacherTraining:
    """A teacher whose loss of the first epoch other ways to compute change by rounding alone.

    With an attention head that is one step of all 36 images: its maps have one cell here, so that
    half of its views are blank, and what rounding makes of these differs between processors. From
    the second step on losses were 4 to 70 percent apart.
    """
    return teacher(chain, training, batch_size=12 if training == "plain" else 36, **changes)


def convolution_types(network: nn.Module) -> list[torch.dtype]:
    """Filled as the network runs: the types that its first convolution gives, in order."""
    made: list[torch.dtype] = []
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    first.register_forward_hook(lambda _m, _x, output: made.append(output.dtype))
    return made


def equal(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_a_student_without_them_has_the_bits_of_a_plain_loop(
    chain: Chain, nine: Path, labels: Path
) -> None:
    ours, plain = (student(chain, nine, labels) for _ in range(2))
    result = ours.run()
    network = plain.student
    optimiser = student_optimiser(network, 0.001, 1e-5)
    for epoch, rate in ((0, 0.001), (1, 0.001 * 0.5 * (1 + 2**-0.5))):
        for group in optimiser.param_groups:
            group["lr"] = rate
        network.train()
        targets = epoch_logits(read_soft_labels(labels), epoch, CPU)
        total = torch.zeros(())
        for halves in plain.replay.epoch(epoch):
            optimiser.zero_grad()
            for half in halves:
                loss = distillation_loss(network(half.images), targets[half.ids], 20.0) / 2
                loss.backward()
                total += loss.detach()
            optimiser.step()
    assert result["curve"][-1]["epoch"] == 1
    assert equal(ours.student, network)
    figures = accuracies(plain.predictions(0), plain.data.test_labels)
    assert figures["top1"] == result["last"]["top1"]


def plain_teacher_loss(training: TeacherTraining, images: Tensor, labels: Tensor) -> Tensor:
    """The loss in the operations that it had before there was a choice of precision."""
    network, cal = training.teacher, training.settings.cal
    raw = network(images)
    if network.cal is None or cal is None:
        return functional.cross_entropy(raw.backbone_logits, labels)
    output = CALOutput(raw.cal_logits, raw.cal_feature, raw.attention)
    effect = network.cal.effect(raw.features, output, training._generator)
    views = attention_views(images, output.attention, cal, training._generator)
    features = network.backbone.features(views)
    second = network.cal(features)
    second_effect = network.cal.effect(features, second, training._generator)
    loss = cal_pretrain_loss(
        torch.cat([output.logits, second.logits]),
        torch.cat([effect, second_effect]),
        output.feature,
        network.prototypes,
        labels,
    )
    update_momentum(network.prototypes, output.feature.detach(), labels, cal.prototype_momentum)
    return teacher_loss(raw.backbone_logits, labels, loss, cal.cal_ratio)


@pytest.mark.parametrize("training", ["plain", "cal"])
def test_a_teacher_without_them_has_the_bits_of_a_plain_loop(chain: Chain, training: str) -> None:
    ours, plain = (teacher(chain, training) for _ in range(2))
    result = ours.run()
    settings = plain.settings
    optimiser = teacher_optimiser(plain.teacher, settings)
    names = ("pretrain", settings.seed, settings.dataset, settings.backbone)
    rng = numpy_generator(*names, "epoch", 0)
    plain.teacher.train()
    losses = []
    for indices in epoch_batches(rng, len(plain.labels), settings.batch_size):
        seen = augment_training(
            plain.images.batch(indices), plain.normaliser, settings.augmentation, rng
        )
        loss = plain_teacher_loss(plain, seen, plain.labels[indices])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert result["curve"][0]["loss"] == pytest.approx(sum(losses) / 3, rel=1e-6)
    assert equal(ours.teacher, plain.teacher)


def test_a_mixed_student_trains_in_half_and_is_tested_in_single(
    chain: Chain, nine: Path, labels: Path
) -> None:
    single, mixed = (
        student(chain, nine, labels, temperature=1.0, mixed_precision=on) for on in (False, True)
    )
    made = convolution_types(mixed.student)
    half = next(single.replay.epoch(0))[0]
    first = []
    for run in (single, mixed):
        run.student.train()
        first.append(float(run._loss(run._logits(half.images), half, None).detach()))
    for run in (single, mixed):
        run.run()
    # The one above, two epochs of four halves, and then the twelve test images at once.
    assert made == [torch.bfloat16] * 9 + [torch.float32]
    assert first[1] != first[0] and first[1] == pytest.approx(first[0], rel=0.1)
    assert {p.dtype for p in mixed.student.parameters()} == {torch.float32}
    assert not equal(single.student, mixed.student)


@pytest.mark.parametrize("training", ["plain", "cal"])
def test_a_mixed_teacher_trains_in_half_is_tested_in_single(chain: Chain, training: str) -> None:
    single, mixed = (comparable(chain, training, mixed_precision=on) for on in (False, True))
    made = convolution_types(mixed.teacher.backbone)
    losses = [run.run()["curve"][-1]["loss"] for run in (single, mixed)]
    passes = 3 if training == "plain" else 2
    assert made[:passes] == [torch.bfloat16] * passes
    assert set(made[passes:]) == {torch.float32}
    assert losses[1] != losses[0] and losses[1] == pytest.approx(losses[0], rel=0.02)
    assert {tensor.dtype for tensor in mixed.teacher.state_dict().values()} <= {
        torch.float32,
        torch.int64,
    }


@pytest.mark.parametrize("training", ["plain", "cal"])
def test_losses_of_a_mixed_teacher_are_single(chain: Chain, training: str) -> None:
    training = teacher(chain, training, mixed_precision=True)
    training.teacher.train()
    images = training.normaliser.normalise(training.images.batch(torch.arange(6)))
    loss, terms, logits = training._loss(images, training.labels[:6])
    types = {loss.dtype, logits.dtype, *(term.dtype for term in terms.values())}
    assert types == {torch.float32}


class StopHereError(Exception):
    """Of `KeepOne`."""


class KeepOne:
    """Keeps the snapshot after so many steps and stops there; then hands it out."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.kept: Snapshot | None = None

    def restore(self) -> Snapshot | None:
        return self.kept

    def checkpoint(self, take: Callable[[], Snapshot]) -> None:
        self.left -= 1
        if self.left == 0:
            taken = take()
            tensors = {name: tensor.clone() for name, tensor in taken.tensors.items()}
            self.kept = Snapshot(tensors, taken.facts)
            raise StopHereError


@pytest.mark.slow
def test_the_loss_scale_goes_on_where_a_student_was_stopped(
    chain: Chain, nine: Path, labels: Path
) -> None:
    """float16 as on a GPU; the scale grows with every second step, so that it tells the steps."""

    def scaled() -> StudentTraining:
        made = student(chain, nine, labels)
        made.precision = MixedPrecision("cpu", torch.float16)
        made.precision.restore({**made.precision.snapshot(), "scale": 64.0, "growth_interval": 2})
        return made

    whole, stopped, resumed = scaled(), scaled(), scaled()
    result = whole.run()
    state = KeepOne(3)
    with pytest.raises(StopHereError):
        stopped.run(state)
    assert state.kept is not None and state.kept.facts["loss_scale"]["scale"] == 128.0
    assert resumed.run(state) == result
    assert resumed.precision.snapshot() == whole.precision.snapshot()
    assert whole.precision.snapshot()["scale"] == 256.0
    assert equal(resumed.student, whole.student)


def test_both_halves_of_a_step_share_one_scale() -> None:
    """Gradients add up; an overflow in one leaves out the step and halves the scale once."""
    leaves = []
    for precision in (MixedPrecision("cpu", None), MixedPrecision("cpu", torch.float16)):
        leaf = torch.tensor([1.0, -3.0], requires_grad=True)
        optimiser = torch.optim.SGD([leaf], lr=0.25, fused=True)
        precision.backward(leaf.square().sum() / 2)
        precision.backward(leaf.sum() / 2)
        precision.step(optimiser)
        leaves.append(leaf.detach())
    assert leaves[0].tolist() == [0.625, -2.375]
    assert torch.equal(leaves[0], leaves[1])
    precision = MixedPrecision("cpu", torch.float16)
    leaf = torch.tensor([1.0, -3.0], requires_grad=True)
    optimiser = torch.optim.SGD([leaf], lr=0.25, fused=True)
    precision.backward(leaf.square().sum())
    precision.backward(leaf.half().float().square().sum())
    precision.step(optimiser)
    assert leaf.tolist() == [1.0, -3.0]
    assert precision.snapshot()["scale"] == 32768


def test_the_remedy_names_float16_where_it_can_overflow() -> None:
    assert MixedPrecision("cpu", torch.bfloat16).fix("evaluate") == (
        "lower 'evaluate.learning_rate'"
    )
    assert "'pretrain.mixed_precision: false'" in MixedPrecision("cpu", torch.float16).fix(
        "pretrain"
    )


def test_memory_formats_agree(chain: Chain, nine: Path, labels: Path) -> None:
    runs: list[Any] = []
    for order in ("channels_last", "contiguous"):
        changed = {"memory_format": order}
        # Adam's first steps are signs: at the usual rate four of them make another loss of a
        # rounding, 4 percent apart where one epoch earlier it is 2 in 100,000.
        soft = student(chain, nine, labels, temperature=1.0, learning_rate=1e-4, **changed)
        teachers = (comparable(chain, training, **changed) for training in ("plain", "cal"))
        runs.append((soft, *teachers))
    for last, first in zip(*runs, strict=True):
        networks = [getattr(run, "student", None) or run.teacher for run in (last, first)]
        # Strides tell orders apart where a kernel has several channels and pixels.
        kernels = [next(p for p in net.parameters() if p.ndim == 4) for net in networks]
        assert kernels[0].stride(1) == 1 and kernels[1].is_contiguous()
        losses = [run.run()["curve"][0]["loss"] for run in (last, first)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_a_contiguous_teacher_is_read_as_asked(chain: Chain, tmp_path: Path) -> None:
    settings = chain.distill_settings(memory_format="contiguous")
    made = [
        chain.group(tmp_path / f"{each.memory_format}.safetensors", each)
        for each in (settings, dataclasses.replace(settings, memory_format="channels_last"))
    ]
    first, last = (read_slots(path).images.int() for path in made)
    # Adam's steps are signs where a gradient is nearly zero: rounding decides a few pixels.
    assert ((first - last).abs() > 2).double().mean() < 0.01
