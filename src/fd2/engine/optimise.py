"""Optimises one slot: one image of each class of a chunk, together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fd2.augment.normalise import Normaliser
from fd2.augment.views import Views
from fd2.engine.steps import ImageSteps
from fd2.engine.terms import TeacherTerms
from fd2.engine.views_plan import plan_views
from fd2.losses.regulariser import SlotContext
from fd2.methods._interface import Recipe
from fd2.runtime.progress import Progress
from fd2.runtime.state import NO_STATE, LoopState, Snapshot
from fd2.training.finite import FiniteWatch
from fd2.training.mixed_precision import MixedPrecision, precision_on


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
    class_names: Sequence[object] = (),
    state: LoopState = NO_STATE,
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
        class_names: of each image, for errors; class ids by default.
        state: a run that was stopped goes on from its snapshot, to the same bits.

    Returns:
        Optimised images ``[B, 3, S, S]``, normalised, at the last phase's size.

    Raises:
        FD2Error: if the loss is not finite; names the term, the iteration and the classes.
        StoppedError: if a signal came; the snapshot is written.
    """
    kept = state.restore()
    first = 0 if kept is None else int(kept.facts["phase"])
    slot = _Slot(
        recipe,
        terms,
        context,
        normaliser,
        precision_on(patches.device, recipe.mixed_precision),
        what,
        after_step,
        class_names or context.labels.tolist(),
        state,
    )
    images = _resized(patches, recipe.phases[first].size)
    for number, phase in list(enumerate(recipe.phases))[first:]:
        views = plan_views(recipe, phase, (*names, "phase", number)).to(images.device)
        images = _phase(slot, number, images, views, kept if number == first else None)
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
    class_names: Sequence[object]
    state: LoopState


def _phase(
    slot: _Slot, number: int, initial: Tensor, views: Views, kept: Snapshot | None
) -> Tensor:
    """One phase with an Adam of its own, under the recipe's one cosine schedule.

    Schedule and turns go on where the earlier phases left them. ``kept`` is of this phase.
    """
    recipe, phase = slot.recipe, slot.recipe.phases[number]
    done = sum(earlier.iterations for earlier in recipe.phases[:number])
    steps = ImageSteps(recipe, slot.terms, slot.context, slot.normaliser, slot.precision, initial)
    begin = 0
    if kept is not None:
        steps.restore(kept)
        begin = int(kept.facts["step"])
    progress = Progress(phase.iterations, slot.what, unit="iteration", start=begin)
    fix = "lower the method's learning_rate or the weight of that term"
    watch = FiniteWatch(slot.class_names, slot.what, fix, unit="iteration")
    rows = torch.arange(len(initial), device=initial.device)

    def snapshot() -> Snapshot:
        watch.check("not finite")
        return steps.snapshot({"phase": number, "step": step + 1})

    for step in progress:
        losses = steps.step(done + step, views[step : step + 1])
        # With loss scaling an overflow is expected now and then, and its step is left out.
        left_out = slot.precision.skips_overflows and step + 1 < phase.iterations
        watch.note(done + step, {} if left_out else losses, steps.images, rows)
        if watch.due(step):
            watch.check("not finite")
        progress.show(losses)
        if slot.after_step is not None:
            slot.after_step()
        slot.state.checkpoint(snapshot)
    watch.check("not finite")
    return steps.images.detach()


def _resized(images: Tensor, size: int) -> Tensor:
    if images.shape[-1] == size:
        return images
    return interpolate(images, size=(size, size), mode="bilinear", align_corners=False)
