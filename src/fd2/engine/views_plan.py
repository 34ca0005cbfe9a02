"""The random views of a whole slot, drawn before its first iteration."""

from __future__ import annotations

import torch

from fd2.augment.sampling import sample_crops, sample_flips, sample_rolls
from fd2.augment.views import Views
from fd2.methods._interface import Phase, Recipe
from fd2.runtime.seeds import numpy_generator


def plan_views(recipe: Recipe, phase: Phase, names: tuple[object, ...]) -> Views:
    """One view per iteration of a phase, shared by all images of the batch as in the release.

    The names hold neither method nor regulariser, so plain and FD² runs see the same crops.

    Args:
        recipe: crop scale and largest roll.
        phase: its size and number of iterations.
        names: seed the draws, e.g. seed, dataset, slot and phase number.
    """
    rng = numpy_generator(*names, "views")
    count = phase.iterations
    return Views(
        sample_crops(rng, count, phase.size, recipe.crop_scale),
        sample_flips(rng, count),
        sample_rolls(rng, count, phase.size, recipe.maximum_roll),
    )


def independent_views(recipe: Recipe, size: int, count: int, names: tuple[object, ...]) -> Views:
    """A crop and flip of its own for each of ``count`` finished images, drawn once (release)."""
    rng = numpy_generator(*names, "earlier views")
    return Views(
        sample_crops(rng, count, size, recipe.crop_scale),
        sample_flips(rng, count),
        torch.zeros(count, 2),
    )
