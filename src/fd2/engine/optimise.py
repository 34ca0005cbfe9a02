"""Optimises one slot: one image of each class of a chunk, together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fd2.augment.normalise import Normaliser
from fd2.augment.views import Views
from fd2.engine.mixed_precision import MixedPrecision, precision_on
from fd2.engine.steps import ImageSteps
from fd2.engine.terms import TeacherTerms
from fd2.engine.views_plan import plan_views
from fd2.errors import FD2Error
from fd2.losses.regulariser import SlotContext
from fd2.methods._interface import Phase, Recipe
from fd2.runtime.progress import Progress


def optimise_slot(
    recipe: Recipe,
    terms: Sequence[TeacherTerms],
    patches: Tensor,
    context: SlotContext,
    normaliser: Normaliser,
    names: tuple[object, ...],
    what: str,
    *,
    after_step: Callable[[], None] | None = None,
) -> Tensor:
    """Run all phases of a recipe.

    Args:
        recipe: the method's.
        terms: one a teacher.
        patches: initial images, normalised float32 ``[B, 3, H, W]`` on the device.
        context: labels, prototypes and earlier attention of these images.
        normaliser: of the dataset.
        names: seed the random views.
        what: names this slot in progress and errors.
        after_step: called after each iteration, e.g. by a clock; None calls nothing.

    Returns:
        Optimised images ``[B, 3, S, S]``, normalised, at the last phase's size.

    Raises:
        FD2Error: if the loss is not finite at the end of a phase; names the term.
    """
    slot = _Slot(
        recipe,
        terms,
        context,
        normaliser,
        precision_on(patches.device, recipe.mixed_precision),
        what,
        after_step,
    )
    images = _resized(patches, recipe.phases[0].size)
    done = 0
    for number, phase in enumerate(recipe.phases):
        views = plan_views(recipe, phase, (*names, "phase", number)).to(images.device)
        images = _phase(slot, phase, done, images, views)
        done += phase.iterations
        if number + 1 < len(recipe.phases):
            size = recipe.phases[number + 1].size
            images = phase.keep * _resized(images, size) + (1 - phase.keep) * _resized(
                patches, size
            )
    return images


@dataclass(frozen=True)
class _Slot:
    """What all phases of a slot share."""

    recipe: Recipe
    terms: Sequence[TeacherTerms]
    context: SlotContext
    normaliser: Normaliser
    precision: MixedPrecision
    what: str
    after_step: Callable[[], None] | None


def _phase(slot: _Slot, phase: Phase, done: int, initial: Tensor, views: Views) -> Tensor:
    """One phase with an Adam of its own, under the recipe's one cosine schedule.

    ``done`` counts the iterations of earlier phases: schedule and turns go on where they were.
    """
    steps = ImageSteps(
        slot.recipe, slot.terms, slot.context, slot.normaliser, slot.precision, initial
    )
    progress = Progress(phase.iterations, slot.what, unit="iteration")
    latest: dict[str, Tensor] = {}
    for step in progress:
        latest = steps.step(done + step, views[step : step + 1])
        progress.show(latest)
        if slot.after_step is not None:
            slot.after_step()
    _require_finite(latest, steps.images, slot.what)
    return steps.images.detach()


def _resized(images: Tensor, size: int) -> Tensor:
    if images.shape[-1] == size:
        return images
    return interpolate(images, size=(size, size), mode="bilinear", align_corners=False)


def _require_finite(terms: dict[str, Tensor], images: Tensor, what: str) -> None:
    """Once per phase: a check per iteration would wait for the device each time."""
    bad = [name for name, value in terms.items() if not bool(torch.isfinite(value))]
    if bad or not bool(torch.isfinite(images).all()):
        raise FD2Error(
            f"not finite: {', '.join(bad) or 'the images'}",
            what,
            "lower the method's learning_rate or the weight of that term",
        )
