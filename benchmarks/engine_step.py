"""The engine's step on the same problem, driven as `fd2.engine.optimise` drives it."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from benchmarks.problem import Problem
from fd2.config import plugins
from fd2.engine.group import Group, Slot
from fd2.engine.optimise import ImageSteps
from fd2.engine.terms import TeacherTerms
from fd2.networks.formats import on_device
from fd2.networks.stored_teacher import LoadedTeacher
from fd2.training.mixed_precision import precision_on


class EngineStep:
    """Steps of the engine; call it once an iteration."""

    def __init__(
        self,
        problem: Problem,
        device: torch.device,
        memory_format: str = "channels_last",
        compile_mode: str = "none",
    ) -> None:
        self.teachers = [
            LoadedTeacher(
                on_device(copy.deepcopy(network), device, memory_format).freeze(),
                problem.normaliser,
                {"cal_ratio": problem.cal_ratio},
            )
            for network in problem.networks
        ]
        settings = {
            "characteristic": {
                "weight": problem.characteristic,
                "alpha": problem.alpha,
                "prototypes": "normalised",
            },
            "similarity": {"weight": problem.similarity, "crop": "shared"},
        }
        regularisers = {
            name: plugins.load("regularisers", name).build(values)
            for name, values in settings.items()
        }
        terms = [
            TeacherTerms(
                teacher,
                index,
                problem.cal_ratio if problem.fd2 else 0.0,
                problem.batch_norm_weight,
                problem.first_multiplier,
                regularisers if problem.fd2 else {},
                compile_mode,
            )
            for index, teacher in enumerate(self.teachers)
        ]
        recipe = problem.recipe
        labels, images = problem.labels.to(device), problem.images.to(device)
        class_names = [str(label) for label in problem.labels.tolist()]
        slot = Slot(
            Group(recipe, terms, problem.normaliser, class_names, (), device),
            (),
            class_names,
            "benchmark",
            labels,
            images,
            [{"whole": maps.to(device)} for maps in problem.earlier],
        )
        precision = precision_on(device, recipe.mixed_precision)
        self._steps = ImageSteps(slot, images, precision)
        self._views = [view.to(device) for view in problem.views]
        self.done = 0

    @property
    def images(self) -> Tensor:
        """The images as they are now."""
        return self._steps.images

    def __call__(self) -> dict[str, Tensor]:
        """One iteration; the terms of the loss as tensors on the device."""
        view = self._views[self.done % len(self._views)]
        terms = self._steps.step(self.done, view)
        self.done += 1
        return terms
