"""Schedules by their formulas, and which parameters decay."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from fd2.config import plugins
from fd2.config.settings import PretrainSettings
from fd2.training.optimisers import (
    set_learning_rate,
    stretched_cosine,
    student_optimiser,
    teacher_optimiser,
    teacher_schedule,
)

if TYPE_CHECKING:
    from tests.conftest import Chain


def rates(chain: Chain, steps_per_epoch: int, **changes: Any) -> list[float]:
    """The rate that each optimiser step uses."""
    settings: PretrainSettings = chain.pretrain_settings("plain", learning_rate=0.1, **changes)
    optimiser = teacher_optimiser(nn.Linear(1, 1), settings)
    schedule = teacher_schedule(optimiser, settings, steps_per_epoch)
    used = []
    for _ in range(settings.epochs * steps_per_epoch):
        used.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return used


def test_exponential_falls_per_epoch(chain: Chain) -> None:
    used = rates(chain, 3, schedule="exponential", epochs=4)
    expected = [0.1 * 0.9 ** (epoch / 2) for epoch in range(4) for _ in range(3)]
    assert used == pytest.approx(expected)


def test_cosine_falls_per_step_towards_zero(chain: Chain) -> None:
    used = rates(chain, 3, schedule="cosine", epochs=2)
    assert used == pytest.approx([0.05 * (1 + math.cos(math.pi * s / 6)) for s in range(6)])


def test_one_cycle_rises_to_the_learning_rate_and_falls(chain: Chain) -> None:
    used = rates(chain, 10, schedule="one_cycle", epochs=3)
    peak = used.index(max(used))
    assert max(used) == pytest.approx(0.1, rel=0.02)
    assert used[:peak] == sorted(used[:peak])
    assert used[peak:] == sorted(used[peak:], reverse=True)
    assert used[-1] < 0.001


def test_stretched_cosine() -> None:
    assert stretched_cosine(0.4, 0, 10, 2.0) == pytest.approx(0.4)
    assert stretched_cosine(0.4, 10, 10, 2.0) == pytest.approx(0.2)
    assert stretched_cosine(0.4, 10, 10, 1.0) == pytest.approx(0)
    assert stretched_cosine(0.4, 5, 10, 1.0) == pytest.approx(0.2)
    for epoch in range(10):
        expected = 0.4 * (1 + math.cos(math.pi * epoch / 20)) / 2
        assert stretched_cosine(0.4, epoch, 10, 2.0) == pytest.approx(expected)


def test_teachers_decay_everything_in_sgd_or_adamw(chain: Chain) -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    for name, kind in (("sgd", torch.optim.SGD), ("adamw", torch.optim.AdamW)):
        optimiser = teacher_optimiser(network, chain.pretrain_settings("plain", optimiser=name))
        (group,) = optimiser.param_groups
        assert isinstance(optimiser, kind) and len(group["params"]) == 4
        assert group["weight_decay"] == 1e-5 and group["lr"] == 0.02
        assert name != "sgd" or group["momentum"] == 0.9


@pytest.mark.parametrize("backbone", ["shufflenet_v2", "resnet10t"])
def test_students_decay_weights_of_several_axes_only(backbone: str) -> None:
    student = plugins.load("backbones", backbone).build(3, "scratch", seed=0)
    optimiser = student_optimiser(student, 0.1, 0.5)
    for parameter in student.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = {name: p.detach().clone() for name, p in student.named_parameters()}
    optimiser.step()
    decayed = {n for n, p in student.named_parameters() if not torch.equal(p, before[n])}
    # AdamW without a gradient leaves nothing but the decay: p <- (1 - lr wd) p.
    expected = {n for n, p in before.items() if n.endswith("weight") and p.ndim > 1}
    assert decayed == expected
    for name, parameter in student.named_parameters():
        factor = 0.95 if name in decayed else 1.0
        torch.testing.assert_close(parameter, factor * before[name])


def test_students_have_sgd_where_there_is_a_momentum() -> None:
    """v <- m v + g + d w, w <- w - r v, in float64; what has one axis does not decay."""
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).double()
    optimiser = student_optimiser(network, 0.2, 0.1, momentum=0.9)
    draws = torch.Generator().manual_seed(0)
    values = [p.detach().clone() for p in network.parameters()]
    speeds = [torch.zeros_like(value) for value in values]
    for step in range(4):
        rate = 0.2 / (1 + step)
        set_learning_rate(optimiser, rate)
        for number, parameter in enumerate(network.parameters()):
            gradient = torch.randn(parameter.shape, generator=draws, dtype=torch.float64)
            parameter.grad = gradient
            decay = 0.1 if parameter.ndim > 1 else 0.0
            speeds[number] = 0.9 * speeds[number] + gradient + decay * values[number]
            values[number] = values[number] - rate * speeds[number]
        optimiser.step()
    for parameter, value in zip(network.parameters(), values, strict=True):
        torch.testing.assert_close(parameter.detach(), value, rtol=1e-12, atol=1e-12)
    # Without momentum it is SGD still.
    assert isinstance(student_optimiser(network, 0.2, 0.1, momentum=0.0), torch.optim.SGD)


def test_a_rate_is_set_for_all_groups() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    optimiser = student_optimiser(network, 0.1, 0.5)
    set_learning_rate(optimiser, 0.7)
    assert [group["lr"] for group in optimiser.param_groups] == [0.7, 0.7]
