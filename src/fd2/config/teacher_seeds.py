"""Which teachers differ in their seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fd2.config.resolve import Configuration


def without_seeds(
    settings: Configuration, dataset: str, backbones: Sequence[str], training: str
) -> tuple[list[dict[str, Any]], list[int]]:
    """How teachers are trained, apart from their seeds.

    Args:
        settings: the config.
        dataset: one of its entries.
        backbones: one a teacher.
        training: as in `Configuration.training_name`.

    Returns:
        The settings of each teacher's training but for its seed and the name of its training, and
        the seed of each.
    """
    trainings = [settings.pretrain(dataset, backbone, training) for backbone in backbones]
    seeds = [training.pop("seed") for training in trainings]
    return [{k: v for k, v in each.items() if k != "training"} for each in trainings], seeds
