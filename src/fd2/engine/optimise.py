"""Optimises one slot: one image of each class of a chunk, together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fd2.augment.views import Views
from fd2.engine.group import Slot
from fd2.engine.views import plan_views
from fd2.runtime.progress import Progress
from fd2.runtime.state import NO_STATE, LoopState, Snapshot
from fd2.training.finite import FiniteWatch
from fd2.training.mixed_precision import MixedPrecision, precision_on
from fd2.training.optimisers import set_learning_rate, stretched_cosine
from fd2.training.snapshots import restore_training, resumable, training_snapshot


def optimise(slot: Slot, state: LoopState = NO_STATE) -> Tensor:
    """Run all phases of the recipe, each with an Adam of its own, under one cosine schedule.

    A run that was stopped goes on from its snapshot, to the same bits.

    Returns:
        Optimised images ``[B, K, S, S]``, normalised, at the last phase's size.

    Raises:
        FD2Error: if the loss is not finite; names the term, the iteration and the classes.
        StoppedError: if a signal came; the snapshot is written.
    """
    phases = slot.group.recipe.phases
    snapshot = state.restore()
    first = 0 if snapshot is None else int(snapshot.facts["phase"])
    precision = precision_on(slot.patches.device, slot.group.recipe.mixed_precision)
    images = _resized(slot.patches, phases[first].size)
    for number, phase in list(enumerate(phases))[first:]:
        steps = ImageSteps(slot, images, precision)
        images = _phase(slot, number, steps, state, snapshot if number == first else None)
        if number + 1 < len(phases):
            size = phases[number + 1].size
            images = phase.keep * _resized(images, size) + (1 - phase.keep) * _resized(
                slot.patches, size
            )
    return images


def _phase(
    slot: Slot, number: int, steps: ImageSteps, state: LoopState, resumed: Snapshot | None
) -> Tensor:
    """The images after one phase; ``resumed`` is a snapshot of this phase."""
    recipe = slot.group.recipe
    phase = recipe.phases[number]
    done = sum(earlier.iterations for earlier in recipe.phases[:number])
    views = plan_views(recipe, phase, (*slot.names, "phase", number)).to(slot.patches.device)
    begin = 0
    if resumed is not None:
        steps.restore(resumed)
        begin = int(resumed.facts["step"])
    progress = Progress(phase.iterations, slot.title, unit="iteration", start=begin)
    fix = "lower the method's learning_rate or the weight of that term"
    watch = FiniteWatch(slot.class_names, slot.title, fix, unit="iteration")
    rows = torch.arange(len(steps.images), device=steps.images.device)

    def snapshot(step: int) -> Snapshot:
        return steps.snapshot({"phase": number, "step": step})

    for step, _ in resumable(progress, watch, "not finite", state, snapshot, start=begin):
        losses = steps.step(done + step, views[step : step + 1])
        # With loss scaling an overflow is expected now and then, and its step is left out.
        left_out = steps.precision.skips_overflows and step + 1 < phase.iterations
        watch.note(done + step, {} if left_out else losses, steps.images, rows)
        progress.show(losses)
        if slot.group.after_step is not None:
            slot.group.after_step()
    return steps.images.detach()


class ImageSteps:
    """Images as leaves of the graph, and the Adam that moves them.

    They start as a copy of ``initial``, normalised ``[B, K, S, S]``.

    Attributes:
        images: the leaves, changed in place by every step.
        precision: of the networks.
    """

    def __init__(self, slot: Slot, initial: Tensor, precision: MixedPrecision) -> None:
        self.images = initial.detach().clone().requires_grad_(True)
        self.precision = precision
        self._slot = slot
        recipe = slot.group.recipe
        self._lower, self._upper = (b.to(initial.device) for b in slot.group.normaliser.bounds())
        self._adam = torch.optim.Adam([self.images], lr=recipe.learning_rate, betas=recipe.betas)

    def step(self, number: int, view: Views) -> dict[str, Tensor]:
        """One forward and backward pass and one step of Adam; clips to black and white.

        Schedule and teachers' turns follow ``number``, the step's in the complete recipe. All
        images have one view. Returns the weighted terms of the loss, without gradient.
        """
        recipe = self._slot.group.recipe
        rate = stretched_cosine(recipe.learning_rate, number, recipe.iterations, eta=1)
        set_learning_rate(self._adam, rate)
        losses = self.losses(number, view)
        self._adam.zero_grad(set_to_none=True)
        self.precision.backward(torch.stack(list(losses.values())).sum())
        self.precision.step(self._adam)
        with torch.no_grad():
            self.images.copy_(self.images.maximum(self._lower).minimum(self._upper))
        return {name: loss.detach() for name, loss in losses.items()}

    def losses(self, number: int, view: Views) -> dict[str, Tensor]:
        """The weighted terms of a step's loss: of one teacher in turn, or the mean over all."""
        slot, terms = self._slot, self._slot.group.terms
        turn = number % len(terms)
        chosen = [turn] if slot.group.recipe.teachers_in_turn else range(len(terms))
        with self.precision.autocast():
            seen = view.apply(self.images, self.images.shape[-1])
            return _mean(
                [
                    terms[index].losses(seen, view, slot.labels, slot.earlier_attention[index])
                    for index in chosen
                ]
            )

    def snapshot(self, facts: Mapping[str, Any]) -> Snapshot:
        """Images, Adam's moments and the loss scale, with ``facts`` about where they stand."""
        images = {"images": self.images.detach()}
        return training_snapshot(self._adam, self.precision, images, facts)

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from a `snapshot`."""
        with torch.no_grad():
            self.images.copy_(snapshot.tensors["images"])
        restore_training(snapshot, self._adam, self.precision)


def _mean(losses: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([each[name] for each in losses]).mean() for name in losses[0]}


def _resized(images: Tensor, size: int) -> Tensor:
    if images.shape[-1] == size:
        return images
    return interpolate(images, size=(size, size), mode="bilinear", align_corners=False)
