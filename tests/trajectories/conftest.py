"""Prepared photographs as for matching, and short experts on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.matching.conftest import dataset, prepared
from torch import Tensor

from fd2.artifacts.prepared import PreparedDataset
from fd2.augment.differentiable import OPERATIONS
from fd2.config.experts import ExpertSettings
from fd2.config.settings import build
from fd2.runtime.job import Job
from fd2.trajectories.expert_training import ExpertTraining
from fd2.trajectories.flat_network import FlatNetwork, flat_network

__all__ = ["dataset", "prepared"]

TINY: dict[str, Any] = {
    **{"dataset": "cells", "backbone": "convnet", "variant": "base", "number": 0, "seed": 0},
    **{"optimiser": "sgd", "gsam": None, "learning_rate": 0.05, "momentum": 0.0},
    # 29 photographs: batches of 10, 10 and 9.
    **{"weight_decay": 0.0, "batch_size": 10, "epochs": 2, "augmentation": OPERATIONS},
}
GSAM: dict[str, Any] = {"optimiser": "gsam", "gsam": {"rho": 0.05, "alpha": 0.3}}


@pytest.fixture(scope="session")
def expert_settings() -> Callable[..., ExpertSettings]:
    """Settings of a short expert, with changes."""
    return lambda **changes: build(ExpertSettings, {**TINY, **changes})


@pytest.fixture(scope="session")
def data(dataset: PreparedDataset) -> Path:
    """The folder of the prepared photographs."""
    return dataset.train.file.parent


@pytest.fixture(scope="session")
def flat(dataset: PreparedDataset) -> FlatNetwork:
    """The experts' network."""
    return flat_network("convnet", dataset, torch.device("cpu"))


@pytest.fixture(scope="session")
def experts(
    dataset: PreparedDataset, expert_settings: Callable[..., ExpertSettings], job: Job
) -> list[Tensor]:
    """Parameters of two experts of five epochs."""
    made = []
    for number in range(2):
        settings = expert_settings(number=number, epochs=5, augmentation=())
        training = ExpertTraining(settings, dataset, job)
        training.run()
        made.append(training.weights)
    return made
