"""Mixed precision: what is half, what is not, and the arithmetic of loss scaling."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from fd2.artifacts.images import read_slots
from fd2.engine.group import Slot
from fd2.engine.optimise import optimise
from fd2.engine.terms import TeacherTerms
from fd2.engine.views import plan_views
from fd2.methods._interface import Phase, Recipe
from fd2.networks.stored_teacher import LoadedTeacher, read_teacher
from fd2.regularisers import characteristic
from fd2.training.mixed_precision import MixedPrecision, precision_on

if TYPE_CHECKING:
    from tests.conftest import Chain

CPU = torch.device("cpu")
LABELS = torch.tensor([0, 1, 2])
Optimised = Callable[[LoadedTeacher, Tensor, Recipe], Tensor]
NAMES = ("test", "slot", 1)


def recipe(mixed: bool, iterations: int = 4) -> Recipe:
    phases = (Phase(48, iterations, 0.5), Phase(32, iterations, 0.5))
    return Recipe(phases, 0.1, (0.5, 0.9), 0.01, 10.0, (0.2, 1.0), 4, True, mixed)


@pytest.fixture(scope="module")
def teacher(chain: Chain) -> LoadedTeacher:
    return read_teacher(chain.cal, CPU)


@pytest.fixture(scope="module")
def patches(chain: Chain, teacher: LoadedTeacher) -> Tensor:
    return teacher.normaliser.normalise(read_slots(chain.patches).images[0])


def terms_of(teacher: LoadedTeacher) -> TeacherTerms:
    pull = characteristic.build({"weight": 0.8, "alpha": 0.5, "prototypes": "normalised"})
    return TeacherTerms(teacher, 0, 0.5, 0.01, 10.0, {"characteristic": pull})


@pytest.fixture
def optimised(make_slot: Callable[..., Slot]) -> Optimised:
    def run(teacher: LoadedTeacher, patches: Tensor, chosen: Recipe) -> Tensor:
        return optimise(make_slot(chosen, [terms_of(teacher)], patches, LABELS))

    return run


def plain_loop(teacher: LoadedTeacher, patches: Tensor, chosen: Recipe) -> Tensor:
    """The loop without autocast and scaler, in the operations it had before there were any."""
    terms = terms_of(teacher)
    low, high = teacher.normaliser.bounds()
    resize = torch.nn.functional.interpolate
    images, done = resize(patches, size=(48, 48), mode="bilinear"), 0
    for number, phase in enumerate(chosen.phases):
        views = plan_views(chosen, phase, (*NAMES, "phase", number))
        images = images.detach().clone().requires_grad_(True)
        adam = torch.optim.Adam([images], lr=0.1, betas=(0.5, 0.9))
        for step in range(phase.iterations):
            rate = 0.1 * 0.5 * (1 + math.cos(math.pi * (done + step) / chosen.iterations))
            adam.param_groups[0]["lr"] = rate
            view = views[step : step + 1]
            losses = terms.losses(view.apply(images, phase.size), view, LABELS, {})
            adam.zero_grad()
            torch.stack(list(losses.values())).sum().backward()
            adam.step()
            with torch.no_grad():
                images.copy_(images.maximum(low).minimum(high))
        done += phase.iterations
        if number == 0:
            images = 0.5 * resize(images, size=(32, 32), mode="bilinear") + 0.5 * patches
    return images.detach()


def test_switched_off_it_changes_no_bit(
    teacher: LoadedTeacher, patches: Tensor, optimised: Optimised
) -> None:
    chosen = recipe(mixed=False)
    expected = plain_loop(teacher, patches, chosen)
    assert torch.equal(optimised(teacher, patches, chosen), expected)


def test_mixed_images_are_finite_float32_and_near(
    teacher: LoadedTeacher, patches: Tensor, optimised: Optimised
) -> None:
    mixed, single = (optimised(teacher, patches, recipe(on)) for on in (True, False))
    assert mixed.dtype == torch.float32
    assert bool(torch.isfinite(mixed).all())
    assert not torch.equal(mixed, single)
    moved, gap = (single - patches).abs().mean(), (mixed - single).abs().mean()
    assert gap < 0.5 * moved
    assert torch.equal(mixed, optimised(teacher, patches, recipe(True)))


def test_networks_are_half_and_losses_single(teacher: LoadedTeacher, patches: Tensor) -> None:
    """Losses differ by what bfloat16's 8 bits leave after some fifteen layers."""
    terms = terms_of(teacher)
    view = plan_views(recipe(True), Phase(32, 1), NAMES)
    seen = view.apply(patches, 32)
    made: list[torch.dtype] = []
    convolution = next(m for m in teacher.network.modules() if isinstance(m, nn.Conv2d))
    hook = convolution.register_forward_hook(lambda _m, _x, out: made.append(out.dtype))
    single = terms.losses(seen, view, LABELS, {})
    with precision_on(CPU, mixed=True).autocast():
        mixed = terms.losses(seen, view, LABELS, {})
    hook.remove()
    assert made == [torch.float32, torch.bfloat16]
    assert {loss.dtype for loss in mixed.values()} == {torch.float32}
    for name, loss in single.items():
        assert float(mixed[name]) == pytest.approx(float(loss), rel=0.1)


def step_through_half(precision: MixedPrecision) -> Tensor:
    """A step on a quadratic whose gradients, two times the scale, pass through float16."""
    leaf = torch.tensor([1.0, -1.0], requires_grad=True)
    precision.backward(leaf.half().float().square().sum())
    precision.step(torch.optim.Adam([leaf], lr=0.1))
    return leaf.detach()


def test_loss_scaling_skips_overflow_and_leaves_other_steps_as_they_are() -> None:
    """float16's scaler computes the same on a CPU: it starts at 65536, and 32768 overflows too."""
    expected = step_through_half(MixedPrecision("cpu", None))
    scaled = MixedPrecision("cpu", torch.float16)
    for _ in range(2):
        assert torch.equal(step_through_half(scaled), torch.tensor([1.0, -1.0]))
    torch.testing.assert_close(step_through_half(scaled), expected, rtol=0, atol=1e-6)
    assert not torch.equal(expected, torch.tensor([1.0, -1.0]))


@pytest.mark.parametrize(("mixed", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_matrix_product_on_a_cpu(mixed: bool, expected: torch.dtype) -> None:
    with precision_on(CPU, mixed).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == expected
