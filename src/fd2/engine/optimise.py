"""Optimises one slot: one image of each class of a chunk, together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fd2.augment.normalise import Normaliser
from fd2.augment.views import Views
from fd2.engine.mixed_precision import MixedPrecision, precision_on
from fd2.engine.terms import TeacherTerms
from fd2.engine.views_plan import plan_views
from fd2.losses.regulariser import SlotContext
from fd2.methods._interface import Recipe
from fd2.runtime.progress import Progress
from fd2.runtime.state import NOT_KEPT, LoopState, Snapshot
from fd2.training.finite import FiniteWatch
from fd2.training.optimisers import set_learning_rate
from fd2.training.snapshots import (
    optimiser_facts,
    optimiser_tensors,
    prefixed,
    restore_optimiser,
    without_prefix,
)


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
    state: LoopState = NOT_KEPT,
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
    recipe, terms, phase = slot.recipe, slot.terms, slot.recipe.phases[number]
    done = sum(earlier.iterations for earlier in recipe.phases[:number])
    images = initial.detach().clone().requires_grad_(True)
    lower, upper = (bound.to(images.device) for bound in slot.normaliser.bounds())
    adam = torch.optim.Adam([images], lr=recipe.learning_rate, betas=recipe.betas)
    begin = 0 if kept is None else _restore(kept, images, adam, slot.precision)
    progress = Progress(phase.iterations, slot.what, unit="iteration", start=begin)
    remedy = "lower the method's learning_rate or the weight of that term"
    watch = FiniteWatch(slot.class_names, slot.what, remedy, unit="iteration")
    rows = torch.arange(len(images), device=images.device)

    def snapshot() -> Snapshot:
        watch.check("not finite")
        return _snapshot(number, step + 1, images, adam, slot.precision)

    for step in progress:
        total_step = done + step
        set_learning_rate(adam, _cosine(recipe.learning_rate, total_step, recipe.iterations))
        view = views[step : step + 1]
        chosen = [terms[total_step % len(terms)]] if recipe.teachers_in_turn else terms
        with slot.precision.autocast():
            seen = view.apply(images, phase.size)
            losses = _mean([term.losses(seen, slot.context, view) for term in chosen])
        adam.zero_grad(set_to_none=True)
        slot.precision.step(torch.stack(list(losses.values())).sum(), adam)
        with torch.no_grad():
            images.copy_(images.maximum(lower).minimum(upper))
        # With loss scaling an overflow is expected now and then, and its step is left out.
        left_out = slot.precision.skips_overflows and step + 1 < phase.iterations
        watch.note(total_step, {} if left_out else losses, images, rows)
        if watch.due(step):
            watch.check("not finite")
        progress.show({name: loss.detach() for name, loss in losses.items()})
        if slot.after_step is not None:
            slot.after_step()
        slot.state.checkpoint(snapshot)
    watch.check("not finite")
    return images.detach()


def _snapshot(
    phase: int, step: int, images: Tensor, adam: torch.optim.Adam, precision: MixedPrecision
) -> Snapshot:
    """A phase before iteration ``step``."""
    return Snapshot(
        {"images": images.detach(), **prefixed("adam", optimiser_tensors(adam))},
        {
            "phase": phase,
            "step": step,
            "adam": optimiser_facts(adam),
            "loss_scale": precision.snapshot(),
        },
    )


def _restore(
    kept: Snapshot, images: Tensor, adam: torch.optim.Adam, precision: MixedPrecision
) -> int:
    """Set images and optimiser to a snapshot of `_snapshot`; returns the step to go on with."""
    with torch.no_grad():
        images.copy_(kept.tensors["images"])
    restore_optimiser(adam, without_prefix("adam", kept.tensors), kept.facts["adam"])
    precision.restore(kept.facts["loss_scale"])
    return int(kept.facts["step"])


def _cosine(rate: float, step: int, steps: int) -> float:
    return rate * 0.5 * (1 + math.cos(math.pi * step / steps))


def _mean(losses: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([each[name] for each in losses]).mean() for name in losses[0]}


def _resized(images: Tensor, size: int) -> Tensor:
    if images.shape[-1] == size:
        return images
    return interpolate(images, size=(size, size), mode="bilinear", align_corners=False)
