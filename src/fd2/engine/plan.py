"""From a group's settings and its teachers to what all of its slots share."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fd2.artifacts.prepared import Manifest
from fd2.augment.normalise import Normaliser
from fd2.config import plugins
from fd2.config.settings import DistillSettings
from fd2.engine.group import GroupPlan
from fd2.engine.terms import TeacherTerms
from fd2.losses.regulariser import Regulariser
from fd2.networks.stored_teacher import LoadedTeacher


def group_plan(
    settings: DistillSettings,
    manifest: Manifest,
    teachers: Sequence[LoadedTeacher],
    device: torch.device,
) -> GroupPlan:
    """The plan of a group.

    Args:
        settings: of stage distill.
        manifest: of the prepared data.
        teachers: in the order of the method's teachers, on ``device``.
        device: where to compute.

    Raises:
        FD2Error: if the method's phases do not fit the resolution, or teachers cannot be compiled.
    """
    method = plugins.load("methods", settings.method)
    recipe = method.recipe(settings.method_settings, manifest.resolution)
    regularisers: list[Regulariser] = [
        plugins.load("regularisers", name).build(values)
        for name, values in settings.regularisers.items()
    ]
    terms = [
        TeacherTerms(
            teacher,
            index,
            settings.cal_ratio,
            recipe.batch_norm_weight,
            recipe.first_batch_norm_multiplier,
            regularisers,
            settings.compile,
        )
        for index, teacher in enumerate(teachers)
    ]
    similarity = settings.regularisers.get("similarity", {})
    metadata = teachers[0].metadata
    return GroupPlan(
        recipe=recipe,
        teachers=teachers,
        terms=terms,
        normaliser=Normaliser(metadata["mean"], metadata["std"]),
        image_codec=settings.image_codec,
        shared_crop=similarity.get("crop", "shared") == "shared",
        class_names=manifest.classes,
        needs_attention=any(regulariser.weight > 0 for regulariser in regularisers),
        names=("distill", settings.seed, settings.dataset),
        device=device,
    )
