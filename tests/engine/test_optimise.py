"""The optimiser of images against a slow loop: own crops, own Adam, own schedule, own merges."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fd2.augment.views import Views
from fd2.engine.group import Slot
from fd2.engine.optimise import optimise
from fd2.engine.terms import TeacherTerms
from fd2.engine.views import plan_views
from fd2.errors import FD2Error
from fd2.methods._interface import Phase, Recipe
from fd2.networks.stored_teacher import LoadedTeacher

LABELS = torch.tensor([0, 2])
NAMES = ("test", "slot", 1)
#: Three steps first, so that turns which began anew in a phase would be other turns.
TWO_PHASES = (Phase(32, 3, 0.5), Phase(24, 2, 0.7))
NOTHING = torch.empty(0)
Optimised = Callable[[Recipe, list[LoadedTeacher], Tensor], Tensor]


def recipe(phases: tuple[Phase, ...], in_turn: bool, rate: float = 0.3) -> Recipe:
    return Recipe(phases, rate, (0.5, 0.9), 0.01, 10.0, (0.2, 1.0), 4, in_turn)


def view_by_hand(images: Tensor, views: Views, step: int, size: int) -> Tensor:
    top, left, height, width = (round(float(v) * size) for v in views.boxes[step])
    piece = images[:, :, top : top + height, left : left + width]
    seen = interpolate(piece, size=(size, size), mode="bilinear", align_corners=False)
    if views.flips[step]:
        seen = seen.flip(3)
    down, right = (round(float(v) * size) for v in views.rolls[step])
    return seen.roll((down, right), (2, 3))


def resized(images: Tensor, size: int) -> Tensor:
    return interpolate(images, size=(size, size), mode="bilinear", align_corners=False)


def slow_loop(
    chosen: Recipe,
    teachers: list[LoadedTeacher],
    patches: Tensor,
    slow_loss: Callable[..., Tensor],
    ratio: float,
) -> Tensor:
    """Every step in the open; teachers by turns through all phases, or their mean."""
    mean, std = (
        torch.tensor(values, dtype=torch.float64)[:, None, None]
        for values in (teachers[0].normaliser.mean, teachers[0].normaliser.std)
    )
    low, high = (0 - mean) / std, (1 - mean) / std
    total = sum(phase.iterations for phase in chosen.phases)
    images, done = resized(patches, chosen.phases[0].size), 0
    for number, phase in enumerate(chosen.phases):
        views = plan_views(chosen, phase, (*NAMES, "phase", number))
        first, second = torch.zeros_like(images), torch.zeros_like(images)
        for step in range(phase.iterations):
            pixels = images.detach().requires_grad_(True)
            seen = view_by_hand(pixels, views, step, phase.size)
            asked = [teachers[done % len(teachers)]] if chosen.teachers_in_turn else teachers
            losses = [
                slow_loss(t, seen, LABELS, NOTHING, ratio=ratio, batch_norm=(0.01, 10.0))
                for t in asked
            ]
            (gradient,) = torch.autograd.grad(sum(losses) / len(losses), pixels)
            rate = chosen.learning_rate * (1 + math.cos(math.pi * done / total)) / 2
            first = 0.5 * first + 0.5 * gradient
            second = 0.9 * second + 0.1 * gradient.square()
            unbiased = (second / (1 - 0.9 ** (step + 1))).sqrt()
            moved = images - rate * (first / (1 - 0.5 ** (step + 1))) / (unbiased + 1e-8)
            images = torch.minimum(torch.maximum(moved, low), high).detach()
            done += 1
        if number + 1 < len(chosen.phases):
            size = chosen.phases[number + 1].size
            merged = (1 - phase.keep) * resized(patches, size)
            images = phase.keep * resized(images, size) + merged
    return images


@pytest.fixture
def patches() -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return 3 * torch.rand(2, 3, 32, 32, generator=generator, dtype=torch.float64) - 1.5


@pytest.fixture
def teachers(make_teacher: Callable[..., LoadedTeacher]) -> list[LoadedTeacher]:
    return [make_teacher(1, 4, 0.3), make_teacher(2, 2, 0.3)]


@pytest.fixture
def optimised(
    make_slot: Callable[..., Slot],
) -> Optimised:
    def run(chosen: Recipe, teachers: list[LoadedTeacher], patches: Tensor) -> Tensor:
        terms = [
            TeacherTerms(teacher, index, 0.3, 0.01, 10.0, {})
            for index, teacher in enumerate(teachers)
        ]
        return optimise(make_slot(chosen, terms, patches, LABELS))

    return run


@pytest.mark.parametrize("in_turn", [True, False])
@pytest.mark.parametrize("phases", [(Phase(32, 3),), TWO_PHASES])
def test_phases_merges_and_teachers_equal_a_slow_loop(
    teachers: list[LoadedTeacher],
    patches: Tensor,
    slow_loss: Callable[..., Tensor],
    optimised: Optimised,
    phases: tuple[Phase, ...],
    in_turn: bool,
) -> None:
    """A recipe like FADRM+: sizes change, the patch is merged in, teachers take turns."""
    chosen = recipe(phases, in_turn)
    images = optimised(chosen, teachers, patches)
    assert images.shape[-1] == phases[-1].size
    expected = slow_loop(chosen, teachers, patches, slow_loss, 0.3)
    torch.testing.assert_close(images, expected, rtol=0, atol=1e-5)


def test_turns_merges_and_patches_matter(
    teachers: list[LoadedTeacher], patches: Tensor, optimised: Optimised
) -> None:
    base = optimised(recipe(TWO_PHASES, True), teachers, patches)
    kept = (Phase(32, 3, 1.0), Phase(24, 2))
    for other in (
        optimised(recipe(TWO_PHASES, False), teachers, patches),
        optimised(recipe(TWO_PHASES, True), teachers[::-1], patches),
        optimised(recipe(kept, True), teachers, patches),
    ):
        assert (other - base).abs().max() > 1e-2


def test_images_stay_within_black_and_white(
    teachers: list[LoadedTeacher], patches: Tensor, optimised: Optimised
) -> None:
    images = optimised(recipe((Phase(32, 2),), False, rate=50.0), teachers, patches)
    low, high = teachers[0].normaliser.bounds()
    assert (images >= low).all() and (images <= high).all()
    assert ((images == low) | (images == high)).double().mean() > 0.5


def test_a_loss_that_is_not_finite_is_named(
    teachers: list[LoadedTeacher], patches: Tensor, optimised: Optimised
) -> None:
    teachers[0].network.backbone.head.weight[0, 0] = float("nan")
    with pytest.raises(FD2Error, match="not finite: class") as refused:
        optimised(recipe((Phase(32, 2),), False), teachers, patches)
    assert refused.value.what.endswith("first in iteration 0, all 2 classes")
    assert refused.value.where == "slot of the test"
    assert "learning_rate" in refused.value.fix
