"""A distillation step as a reader would first write it from the paper: the yardstick.

Eager, float32, default memory format, loops over samples, classes and layers. The mathematics is
the engine's; ``tests/benchmarks/test_reference.py`` compares losses and gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from benchmarks.problem import Problem
from fd2.augment.views import Views

EPSILON = 1e-6


class StatisticsHook:
    """Distance of one layer's input statistics to its running statistics."""

    def __init__(self, layer: nn.BatchNorm2d) -> None:
        self.loss = torch.zeros(())
        self.handle = layer.register_forward_pre_hook(self.measure)

    def measure(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Mean and biased variance over images and positions."""
        channels = inputs[0].shape[1]
        values = inputs[0].permute(1, 0, 2, 3).contiguous().view(channels, -1)
        mean, variance = values.mean(1), values.var(1, unbiased=False)
        self.loss = torch.norm(layer.running_var - variance) + torch.norm(layer.running_mean - mean)


def distance(a: Tensor, b: Tensor) -> Tensor:
    """d(a, b) of FD² eq. 9."""
    return torch.norm(a - b) / (torch.norm(a) + torch.norm(b) + EPSILON)


def characteristic(features: Tensor, prototypes: Tensor, labels: Tensor, alpha: float) -> Tensor:
    """FD² eq. 9, image by image and class by class."""
    total = torch.zeros(())
    for feature, label in zip(features, labels.tolist(), strict=True):
        others = torch.cat([prototypes[:label], prototypes[label + 1 :]])
        gaps = torch.stack([distance(feature, other) for other in others])
        own = distance(feature, prototypes[label])
        total = total + alpha * own + (1 - alpha) * (1 - gaps.mean())
    return total / len(features)


def similarity(attention: Tensor, earlier: Tensor, view: Views) -> Tensor:
    """FD² eq. 10, image by image; earlier maps are seen through the crop of this step."""
    total = torch.zeros(())
    for number, own in enumerate(attention):
        gaps = []
        for maps in earlier[:, number]:
            seen = view.apply(maps.unsqueeze(0), own.shape[-1])[0]
            gaps.append(distance(seen.flatten(), own.flatten()))
        total = total + 1 - torch.stack(gaps).mean()
    return total / len(attention)


@dataclass
class ReferenceTeacher:
    """One teacher with a hook on every batch-norm layer that counts."""

    problem: Problem
    index: int

    def __post_init__(self) -> None:
        """Register the hooks."""
        self.network = self.problem.networks[self.index].eval().requires_grad_(False)
        layers = self.network.batch_norms()
        if self.problem.fd2:
            layers = [*layers, *self.network.cal_batch_norms()]
        self.hooks = [StatisticsHook(layer) for layer in layers]

    def losses(self, seen: Tensor, view: Views) -> dict[str, Tensor]:
        """The weighted terms of FD² eq. 12."""
        problem, network = self.problem, self.network
        features = network.backbone.features(seen)
        own = F.cross_entropy(network.backbone.classify(features), problem.labels)
        if problem.fd2:
            output = network.cal(features)
            ratio = problem.cal_ratio
            own = (1 - ratio) * own + ratio * F.cross_entropy(output.logits, problem.labels)
        statistics = problem.first_multiplier * self.hooks[0].loss
        for hook in self.hooks[1:]:
            statistics = statistics + hook.loss
        terms = {"class": own, "batch_norm": problem.batch_norm_weight * statistics}
        if problem.fd2:
            prototypes = F.normalize(network.prototypes, dim=1)
            terms["characteristic"] = problem.characteristic * characteristic(
                output.feature, prototypes, problem.labels, problem.alpha
            )
            terms["similarity"] = problem.similarity * similarity(
                output.attention, problem.earlier[self.index], view
            )
        return terms


def see(images: Tensor, view: Views) -> Tensor:
    """The crop, resized, flipped and rolled."""
    size = images.shape[-1]
    top, left, height, width = (round(float(value) * size) for value in view.boxes[0])
    piece = images[:, :, top : top + height, left : left + width]
    seen = F.interpolate(piece, size=(size, size), mode="bilinear", align_corners=False)
    if bool(view.flips[0]):
        seen = torch.flip(seen, (3,))
    down, right = (round(float(value) * size) for value in view.rolls[0])
    return torch.roll(seen, (down, right), (2, 3))


class ReferenceStep:
    """Steps of Adam, teachers in turn; call it once an iteration."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.teachers = [ReferenceTeacher(problem, i) for i in range(len(problem.networks))]
        self.images = problem.images.clone().requires_grad_(True)
        self.optimiser = torch.optim.Adam([self.images], lr=problem.learning_rate, betas=(0.5, 0.9))
        self.done = 0

    def __call__(self) -> dict[str, Any]:
        """One iteration; the terms of the loss as numbers."""
        problem = self.problem
        view = problem.views[self.done % len(problem.views)]
        teacher = self.teachers[self.done % len(self.teachers)]
        terms = teacher.losses(see(self.images, view), view)
        self.optimiser.zero_grad()
        sum_of(list(terms.values())).backward()
        self.optimiser.step()
        for channel in range(3):
            low, high = (float(bound[0, channel]) for bound in problem.normaliser.bounds())
            self.images.data[:, channel].clamp_(low, high)
        self.done += 1
        return {name: term.item() for name, term in terms.items()}


def sum_of(terms: Sequence[Tensor]) -> Tensor:
    """The loss."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
