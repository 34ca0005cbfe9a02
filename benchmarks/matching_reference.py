"""DM, DSA and a student of theirs as a reader would first write them from the papers.

Eager, float32, default memory format; loops over classes and layers; each loss is read. Draws and
initial weights are the library's, so that ``tests/benchmarks/test_matching_reference.py`` can
compare losses and images.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import DataLoader, TensorDataset

from fd2.augment.differentiable import OPERATIONS, Augmentations, draw_augmentations
from fd2.matching.matching import _Matching
from fd2.networks.backbone import Backbone
from fd2.runtime.seeds import numpy_generator, torch_generator
from fd2.training.direct_training import DirectTraining


class ReferenceMatching:
    """Steps of DM or DSA: one graph of all classes, made class by class."""

    def __init__(self, start: _Matching) -> None:
        self._start, self._recipe = start, start._recipe
        self.images = start.images.detach().clone().requires_grad_()
        rate, momentum = self._recipe.images_learning_rate, self._recipe.images_momentum
        self._optimiser = torch.optim.SGD([self.images], rate, momentum=momentum)

    def step(self, number: int) -> float:
        """A step of the images, then training of the network; the mean loss of the classes."""
        recipe, names = self._recipe, self._start._names
        iteration, loop = divmod(number, recipe.outer_loops)
        if loop == 0:
            self._network = _plain(self._start._fresh(iteration))
        rng = numpy_generator(*names, "step", number)
        draws = torch_generator(*names, "step", number)
        real = self._start.real.draw(rng, recipe.batch_real).images
        record = draw_augmentations(draws, recipe.augmentation, len(self.images))
        distance = feature_distance if recipe.objective == "features" else gradient_distance
        total = torch.zeros((), device=self.images.device)
        for label in range(len(self.images)):
            row = record[label : label + 1]
            seen = augment(real[label], row), augment(self.images[label], row)
            total = total + distance(self._network, *seen, label)
        self._optimiser.zero_grad()
        total.backward()
        self._optimiser.step()
        if loop + 1 < recipe.outer_loops:
            images = self.images.detach().flatten(0, 1)
            labels = torch.arange(len(images), device=images.device) // self.images.shape[1]
            data = TensorDataset(images, labels)
            optimiser = torch.optim.SGD(self._network.parameters(), recipe.network_learning_rate)
            batch, operations = recipe.batch_synthetic, recipe.augmentation
            for _ in range(recipe.inner_epochs):
                _train_epoch(self._network, optimiser, data, batch, operations, draws)
        return total.item() / len(self.images)


def reference_epochs(start: DirectTraining, epochs: int) -> list[float]:
    """Epochs of a student of the protocol ``direct``, at the first rate; their losses."""
    direct, settings = start.direct, start.settings
    network = _plain(copy.deepcopy(start.student))
    optimiser = torch.optim.SGD(
        network.parameters(),
        settings.learning_rate,
        momentum=direct.momentum,
        weight_decay=settings.weight_decay,
    )
    data = TensorDataset(start.data.images, start.data.labels)
    losses = []
    for epoch in range(epochs):
        draws = torch_generator(*start._names, "direct", epoch)
        batch, operations = direct.batch_size, direct.augmentation
        losses.append(_train_epoch(network, optimiser, data, batch, operations, draws))
    return losses


def _train_epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    data: TensorDataset,
    batch: int,
    operations: tuple[str, ...],
    draws: torch.Generator,
) -> float:
    """One epoch on class labels, of images that are stacked one by one; their mean loss."""
    total = 0.0
    order = torch.randperm(len(data), generator=draws).tolist()
    for images, labels in DataLoader(data, batch, sampler=order):
        record = draw_augmentations(draws, operations, len(images), shared=True)
        loss = F.cross_entropy(network(augment(images, record)), labels)
        total += loss.item() * len(images)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return total / len(data)


def feature_distance(network: Backbone, real: Tensor, synthetic: Tensor, label: int) -> Tensor:
    """DM: squared distance of a class's mean embeddings, the flattened last maps."""
    network.requires_grad_(False)
    wanted = network.features(real).flatten(1).detach()
    return ((wanted.mean(0) - network.features(synthetic).flatten(1).mean(0)) ** 2).sum()


def gradient_distance(network: Backbone, real: Tensor, synthetic: Tensor, label: int) -> Tensor:
    """DC, DSA: 1 - cos of a class's weight gradients, over layers and their output channels."""
    parameters = list(network.parameters())

    def gradients(images: Tensor, create_graph: bool) -> tuple[Tensor, ...]:
        labels = torch.full((len(images),), label, device=images.device)
        loss = F.cross_entropy(network(images), labels)
        return torch.autograd.grad(loss, parameters, create_graph=create_graph)

    total = torch.zeros((), device=real.device)
    for one, other in zip(gradients(real, False), gradients(synthetic, True), strict=True):
        if one.ndim > 1:
            a, b = one.flatten(1), other.flatten(1)
            total = total + (1 - (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1) + 1e-6)).sum()
    return total


def augment(images: Tensor, record: Augmentations) -> Tensor:
    """DSA: one operation for all images; a row of uniform numbers for each, or one for all."""
    name, size = OPERATIONS[int(record.operations[0])], images.shape[-1]
    uniform = record.parameters.to(images.device).expand(len(images), -1)
    u, v, w = uniform.unbind(1)
    pixels = torch.arange(size, device=images.device)
    if name == "color":
        u, v, w = (each[:, None, None, None] for each in (u, v, w))
        images = images + u - 0.5
        grey = images.mean(1, keepdim=True)
        images = (images - grey) * 2 * v + grey
        mean = images.mean((1, 2, 3), keepdim=True)
        return (images - mean) * (w + 0.5) + mean
    if name == "crop":
        most = int(size / 8 + 0.5)
        down, right = ((each * (2 * most + 1)).long()[:, None] + pixels for each in (u, v))
        padded, rows = F.pad(images, [most] * 4), torch.arange(len(images), device=images.device)
        shifted = padded[rows[:, None, None], :, down[:, :, None], right[:, None, :]]
        return shifted.permute(0, 3, 1, 2)
    if name == "cutout":
        side = int(size / 2 + 0.5)
        corners = ((each * (size + 1 - side % 2)).long()[:, None] - side // 2 for each in (u, v))
        rows, columns = ((pixels >= first) & (pixels < first + side) for first in corners)
        return images * (1 - (rows[:, None, :, None] & columns[:, None, None, :]).float())
    if name == "flip":
        return torch.where((u < 0.5)[:, None, None, None], images.flip(3), images)
    zero, angle = torch.zeros_like(u), torch.deg2rad(30 * (u - 0.5))
    across, along = ((each * (1.2 - 1 / 1.2) + 1 / 1.2) for each in (u, v))
    entries = [across, zero, zero, zero, along, zero]
    if name == "rotate":
        entries = [angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero]
    theta = torch.stack(entries, 1).view(-1, 2, 3)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def _plain(network: Backbone) -> Backbone:
    """In torch's default memory format."""
    return network.to(memory_format=torch.contiguous_format)
