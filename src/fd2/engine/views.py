"""The random views of a slot, drawn before its first iteration."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fd2.augment.sampling import sample_crops, sample_flips, sample_rolls
from fd2.augment.views import Views
from fd2.methods._interface import Phase, Recipe
from fd2.runtime.seeds import numpy_generator


def plan_views(recipe: Recipe, phase: Phase, names: tuple[object, ...]) -> Views:
    """One view per iteration of a phase, shared by all images of the batch as in the release.

    The names that seed the draws hold neither method nor regulariser, so plain and FD² runs see the
    same crops.
    """
    rng = numpy_generator(*names, "views")
    count = phase.iterations
    return Views(
        sample_crops(rng, count, phase.size, recipe.crop_scale),
        sample_flips(rng, count),
        sample_rolls(rng, count, phase.size, recipe.maximum_roll),
    )


def independent_views(
    recipe: Recipe, size: int, class_names: Sequence[str], names: tuple[object, ...]
) -> Views:
    """A crop and flip of its own for each finished image, drawn once per slot (release).

    The names of the images' classes are part of the seed, so that the order of classes cannot
    matter.
    """
    generators = [numpy_generator(*names, "class", name) for name in class_names]
    return Views(
        torch.cat([sample_crops(rng, 1, size, recipe.crop_scale) for rng in generators]),
        torch.cat([sample_flips(rng, 1) for rng in generators]),
        torch.zeros(len(generators), 2),
    )
