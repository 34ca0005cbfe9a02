"""Steps of the optimiser on one batch of images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from fd2.augment.normalise import Normaliser
from fd2.augment.views import Views
from fd2.engine.terms import TeacherTerms
from fd2.losses.regulariser import SlotContext
from fd2.methods._interface import Recipe
from fd2.runtime.state import Snapshot
from fd2.training.mixed_precision import MixedPrecision
from fd2.training.optimisers import set_learning_rate
from fd2.training.snapshots import (
    optimiser_facts,
    optimiser_tensors,
    prefixed,
    restore_optimiser,
    without_prefix,
)


class ImageSteps:
    """Images as leaves of the graph, and the Adam that moves them.

    Args:
        recipe: the method's.
        terms: one a teacher.
        context: labels, prototypes and earlier attention of these images.
        normaliser: of the dataset.
        precision: of the networks.
        initial: images at the start, normalised float32 ``[B, 3, S, S]``; they stay as they are.

    Attributes:
        images: the leaves, changed in place by every step.
    """

    def __init__(
        self,
        recipe: Recipe,
        terms: Sequence[TeacherTerms],
        context: SlotContext,
        normaliser: Normaliser,
        precision: MixedPrecision,
        initial: Tensor,
    ) -> None:
        self.images = initial.detach().clone().requires_grad_(True)
        self._recipe = recipe
        self._terms = terms
        self._context = context
        self._precision = precision
        self._lower, self._upper = (bound.to(initial.device) for bound in normaliser.bounds())
        self._adam = torch.optim.Adam([self.images], lr=recipe.learning_rate, betas=recipe.betas)

    def step(self, number: int, view: Views) -> dict[str, Tensor]:
        """One forward and backward pass and one step of Adam; clips to black and white.

        Args:
            number: of the step in the whole recipe: schedule and teachers' turns follow it.
            view: crop, flip and roll of all images.

        Returns:
            The weighted terms of the loss, without gradient.
        """
        recipe, terms = self._recipe, self._terms
        set_learning_rate(self._adam, _cosine(recipe.learning_rate, number, recipe.iterations))
        chosen = [terms[number % len(terms)]] if recipe.teachers_in_turn else terms
        with self._precision.autocast():
            seen = view.apply(self.images, self.images.shape[-1])
            losses = _mean([term.losses(seen, self._context, view) for term in chosen])
        self._adam.zero_grad(set_to_none=True)
        self._precision.backward(torch.stack(list(losses.values())).sum())
        self._precision.step(self._adam)
        with torch.no_grad():
            self.images.copy_(self.images.maximum(self._lower).minimum(self._upper))
        return {name: loss.detach() for name, loss in losses.items()}

    def snapshot(self, facts: Mapping[str, Any]) -> Snapshot:
        """Images, Adam's moments and the loss scale, with ``facts`` about where they stand."""
        return Snapshot(
            {"images": self.images.detach(), **prefixed("adam", optimiser_tensors(self._adam))},
            {
                **facts,
                "adam": optimiser_facts(self._adam),
                "loss_scale": self._precision.snapshot(),
            },
        )

    def restore(self, kept: Snapshot) -> None:
        """Go on from a `snapshot`."""
        with torch.no_grad():
            self.images.copy_(kept.tensors["images"])
        restore_optimiser(self._adam, without_prefix("adam", kept.tensors), kept.facts["adam"])
        self._precision.restore(kept.facts["loss_scale"])


def _cosine(rate: float, step: int, steps: int) -> float:
    return rate * 0.5 * (1 + math.cos(math.pi * step / steps))


def _mean(losses: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([each[name] for each in losses]).mean() for name in losses[0]}
