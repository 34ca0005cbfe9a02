"""What a method hands to the stages. A method knows nothing of FD², and FD² of no method.

A method's file defines ``LABEL`` (its name in tables), ``KIND``, ``SETTINGS_SCHEMA`` (a closed JSON
schema), and by its kind:

- ``optimisation``, of slots under frozen teachers: ``recipe(settings, resolution)``, a `Recipe`;
- ``selection`` of real images: ``select(request)``, a `Selection`; one whose images are made of
  several real ones each says of how many: ``real_images_of_each(settings)``;
- ``matching``, of all images together without a teacher: ``recipe(settings, images_per_class)``, a
  `fd2.matching.recipe.MatchRecipe`. One that learns more than images says so in ``LEARNS``, which
  holds ``labels`` (soft ones), ``rate`` (the learning rate of students) or both; its sets carry
  them, see `fd2.artifacts.images.DistilledSet`;
- ``trajectories``, of all images together in students that follow experts: ``recipe(settings,
  images_per_class)``, a `fd2.trajectories.recipe.TrajectoryRecipe`, and ``learns(settings)``, which
  says what of ``LEARNS`` they learn;
- ``import``, of what others made: ``learns(settings)`` says which of ``LEARNS`` its files hold.

``check(settings)``, where a method has it, refuses settings before any job runs.
A setting ``patches`` names the scored crops that its images
start from or are chosen from: ``1x1`` or ``2x2`` are those of section ``patches``, which methods
share, a block of settings makes crops of the method's own (``rded.py``); a method without it takes
whole images. With a setting ``teachers`` a selecting method sees a plain teacher.
Files import torch inside functions only, because the plan of a grid reads every method.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from fd2.artifacts.images import SlotImages
    from fd2.artifacts.prepared import PreparedDataset
    from fd2.networks.stored_teacher import LoadedTeacher


@dataclass(frozen=True)
class Phase:
    """A stretch of optimisation at one resolution.

    Attributes:
        size: height and width of the optimised images in pixels.
        iterations: optimiser steps.
        keep: after the phase the images become ``keep * images + (1 - keep) * initial patch`` at
            the next phase's size (the adjustable residual of FADRM); 1 merges nothing.
    """

    size: int
    iterations: int
    keep: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """How the engine optimises images.

    Attributes:
        phases: run one after the other, under one cosine schedule over all their iterations.
        learning_rate: Adam's, at the start of the cosine.
        betas: Adam's.
        batch_norm_weight: weight of the batch-norm statistics term.
        first_batch_norm_multiplier: extra factor of the first batch-norm layer.
        crop_scale: smallest and largest area of the random crop, as fractions of the image.
        maximum_roll: the image is rolled by 0 to this many pixels down and right.
        teachers_in_turn: one teacher per iteration, round-robin; otherwise the mean over all.
        mixed_precision: the networks compute in half precision.
    """

    phases: tuple[Phase, ...]
    learning_rate: float
    betas: tuple[float, float]
    batch_norm_weight: float
    first_batch_norm_multiplier: float
    crop_scale: tuple[float, float]
    maximum_roll: int
    teachers_in_turn: bool = False
    mixed_precision: bool = False

    @property
    def iterations(self) -> int:
        """Optimiser steps of all phases."""
        return sum(phase.iterations for phase in self.phases)


@dataclass(frozen=True)
class SelectionRequest:
    """What a selecting method may look at.

    Attributes:
        dataset: the prepared data.
        patches: the method's patches, or None if it asked for none.
        teacher: the method's plain teacher, on the job's device; None for a method without the
            setting ``teachers``.
        images_per_class: n.
        seed: the distillation seed.
        settings: the method's own settings.
    """

    dataset: PreparedDataset
    patches: SlotImages | None
    teacher: LoadedTeacher | None
    images_per_class: int
    seed: int
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Selection:
    """What a selecting method chose.

    Attributes:
        images: uint8 ``[n, C, K, H, W]``.
        chosen: what its images are made of, as plain values for the record; ``images`` are
            positions in the training split.
    """

    images: Tensor
    chosen: Mapping[str, Any] = field(default_factory=dict)
