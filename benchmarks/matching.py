"""Steps of DM and DSA, gradients of trajectories, and epochs of students ``direct``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from benchmarks.matching_reference import ReferenceMatching, reference_epochs
from benchmarks.stages import DATASET, MEAN, STD, configuration, random_dataset, random_pixels
from fd2.artifacts.images import DistilledSet
from fd2.augment.differentiable import OPERATIONS, draw_augmentations
from fd2.config import plugins
from fd2.config.names import Cell, SetName
from fd2.config.settings import EvaluateSettings, build
from fd2.matching.matching import _Matching
from fd2.training.direct_training import DirectTraining
from fd2.training.student_training import StudentData
from fd2.trajectories.distance import TrajectoryDistance
from fd2.trajectories.flat_network import flat_network
from fd2.trajectories.gradient import (
    InnerBatch,
    SyntheticSet,
    TrajectoryGradient,
    trajectory_gradient,
)
from fd2.trajectories.stored_expert import invented_weights

#: Those of Fashion-MNIST, at which ``convnet`` is the ConvNet-3 of the public code.
CLASSES, SIZE, CHANNELS = 10, 28, 1


def matching_repetition(
    case: Mapping[str, Any], device: torch.device
) -> tuple[Callable[[], object], int]:
    """The first step in the next fresh network, with the training after it; or some epochs."""
    way, count, epochs = (case[key] for key in ("implementation", "images_per_class", "epochs"))
    if case["measure"] == "direct":
        train = reference_epochs if way == "reference" else engine_epochs
        return partial(train, direct_training(count, device), epochs), epochs
    ways = {"class_by_class": way == "class by class"}
    if case["measure"] == "dm":
        ways |= {"mixed_precision": case["precision"] == "bfloat16", "compile": case["compile"]}
    engine = matching(case["measure"], count, case["batch_real"], epochs, ways, device)
    step = ReferenceMatching(engine).step if way == "reference" else engine.step
    numbers = itertools.count(step=engine._recipe.outer_loops)
    return lambda: step(next(numbers)), 1


def matching(
    method: str,
    count: int,
    batch_real: int,
    epochs: int,
    ways: Mapping[str, Any],
    device: torch.device,
) -> _Matching:
    """The method with its own settings but these; a network trains for ``epochs`` at most.

    ``ways`` are settings of how it computes.
    """
    values = configuration().whole_set(SetName(DATASET, method, "plain", "base"), count)
    recipe = plugins.load("methods", method).recipe(values["method_settings"], count)
    recipe = replace(
        recipe,
        batch_real=batch_real,
        inner_epochs=min(epochs, recipe.inner_epochs),
        **ways,
    )
    images = CLASSES * max(batch_real, count)
    return _Matching(recipe, random_dataset(CLASSES, SIZE, images, CHANNELS), count, 0, device)


def trajectory_repetition(
    case: Mapping[str, Any], device: torch.device
) -> tuple[Callable[[], TrajectoryGradient], int]:
    """The gradient by images and rate of a student's distance after ``inner_steps`` steps."""
    dataset = random_dataset(CLASSES, SIZE, CLASSES, CHANNELS)
    network = flat_network("convnet", dataset, device)
    count = CLASSES * case["images_per_class"]
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(count, CHANNELS, SIZE, SIZE, generator=generator).to(device)
    labels = (torch.arange(count) % CLASSES).to(device)
    start, target = invented_weights(network, 1).to(device)
    every = torch.arange(count)
    batches = []
    for _ in range(case["inner_steps"]):
        record = draw_augmentations(generator, OPERATIONS, count, shared=True)
        batches.append(InnerBatch(every.to(device), record))
    synthetic = SyntheticSet(images, labels, torch.tensor(0.01, device=device))
    distance = TrajectoryDistance(start, target)
    return partial(
        trajectory_gradient, network, synthetic, distance, batches, case["implementation"]
    ), 1


def gradient_difference(case: Mapping[str, Any], device: torch.device) -> float:
    """The largest difference of a way's gradient by images from that of autograd through all steps.

    As a share of the largest value of the latter.
    """
    found, wanted = (
        trajectory_repetition({**case, "implementation": way}, device)[0]().images
        for way in (case["implementation"], "graph")
    )
    return float((found - wanted).abs().max() / wanted.abs().max())


def direct_training(count: int, device: torch.device) -> DirectTraining:
    """A student with the protocol's settings, before its first epoch."""
    cell = Cell(SetName(DATASET, "dm", "plain", "direct"), count, "convnet", seed=0)
    settings = build(EvaluateSettings, configuration().evaluate(cell))
    pixels, labels = random_pixels(CLASSES * count, SIZE, CHANNELS), torch.arange(CLASSES)
    statistics = {"mean": list(MEAN[:CHANNELS]), "std": list(STD[:CHANNELS])}
    distilled = DistilledSet(pixels, labels.repeat_interleave(count), count, statistics)
    dataset = random_dataset(CLASSES, SIZE, CLASSES, CHANNELS)
    return DirectTraining(settings, StudentData(dataset, distilled, None, device), device)


def engine_epochs(training: DirectTraining, epochs: int) -> list[torch.Tensor]:
    """Train for so many epochs at the first rate; their losses."""
    optimiser = training._optimiser()
    return [training._epoch(epoch, optimiser) for epoch in range(epochs)]
