"""What the engine and the reference both start from: teachers, images, views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fd2.augment.normalise import Normaliser
from fd2.augment.views import Views
from fd2.engine.views import plan_views
from fd2.methods._interface import Phase, Recipe
from fd2.networks.stored_teacher import build_teacher
from fd2.networks.teacher import Teacher

#: Published hyper-parameters of SRe²L++ and FADRM+ on fine-grained datasets.
BATCH_NORM_WEIGHT, FIRST_MULTIPLIER, CAL_RATIO = 0.001, 10.0, 0.5
CHARACTERISTIC, SIMILARITY, ALPHA = 0.8, 0.2, 0.5
CROP_SCALE, ROLL, LEARNING_RATE = (0.08, 1.0), 32, 0.001
ATTENTION_MAPS, EARLIER = 8, 3
FOUR_TEACHERS = ("resnet18", "mobilenet_v2", "resnet50", "densenet121")


@dataclass(frozen=True)
class Problem:
    """One image of each class under teachers with random weights: time does not depend on them.

    Attributes:
        networks: teachers with attention heads, one for SRe²L++, several in turn for FADRM+.
        images: normalised ``[B, 3, S, S]``; class k for image k.
        views: one each iteration.
        earlier: attention maps of earlier slots ``[3, B, M, h, w]``, one tensor a teacher.
        fd2: with FD²'s loss terms; the slot is the group's fourth.
        recipe: of the engine.
    """

    networks: Sequence[Teacher]
    images: Tensor
    views: Sequence[Views]
    earlier: Sequence[Tensor]
    fd2: bool
    recipe: Recipe
    normaliser: Normaliser
    cal_ratio: float = CAL_RATIO
    batch_norm_weight: float = BATCH_NORM_WEIGHT
    first_multiplier: float = FIRST_MULTIPLIER
    characteristic: float = CHARACTERISTIC
    similarity: float = SIMILARITY
    alpha: float = ALPHA
    learning_rate: float = LEARNING_RATE

    @property
    def labels(self) -> Tensor:
        """Classes ``[B]``."""
        return torch.arange(len(self.images))


def make_problem(
    backbones: Sequence[str], classes: int, size: int, *, fd2: bool, mixed: bool, steps: int = 64
) -> Problem:
    """The same problem for the same arguments, whichever implementation gets it.

    Args:
        backbones: of the teachers.
        classes: and images.
        size: height and width in pixels.
        fd2: with FD²'s loss terms.
        mixed: the engine's networks compute in half precision.
        steps: number of different views.
    """
    recipe = Recipe(
        phases=(Phase(size, steps),),
        learning_rate=LEARNING_RATE,
        betas=(0.5, 0.9),
        batch_norm_weight=BATCH_NORM_WEIGHT,
        first_batch_norm_multiplier=FIRST_MULTIPLIER,
        crop_scale=CROP_SCALE,
        maximum_roll=ROLL * size // 224,
        teachers_in_turn=len(backbones) > 1,
        mixed_precision=mixed,
    )
    views = plan_views(recipe, recipe.phases[0], ("benchmark",))
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(classes, 3, size, size, generator=generator)
    networks = []
    for name in backbones:
        network = build_teacher(name, classes, ATTENTION_MAPS, initialisation="scratch", seed=0)
        network.prototypes.copy_(torch.randn(network.prototypes.shape, generator=generator))
        networks.append(network.eval().requires_grad_(False))
    return Problem(
        networks=networks,
        images=images.clamp(-2, 2),
        views=[views[step : step + 1] for step in range(steps)],
        earlier=[_earlier_maps(network, images, generator) for network in networks],
        fd2=fd2,
        recipe=recipe,
        normaliser=Normaliser((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
    )


def _earlier_maps(network: Teacher, images: Tensor, generator: torch.Generator) -> Tensor:
    """Random maps of the size that the network gives."""
    with torch.no_grad():
        height, width = network.backbone.features(images[:1]).shape[-2:]
    shape = (EARLIER, len(images), ATTENTION_MAPS, height, width)
    return torch.rand(shape, generator=generator)
