"""Losses of matching against slow float64 formulas, and pixel gradients against differences."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from fd2.artifacts.prepared import PreparedDataset
from fd2.augment.differentiable import OPERATIONS, draw_augmentations
from fd2.matching.features import feature_distance
from fd2.matching.gradients import class_gradients, gradient_distance, layerwise_distance
from fd2.matching.pixel_gradient import Objective, pixel_gradient
from fd2.matching.real_images import ClassBatch, RealImages
from fd2.networks.backbone import Backbone

OBJECTIVES = (feature_distance, gradient_distance)
CLASSES = torch.arange(3)


@pytest.fixture
def real(dataset: PreparedDataset) -> RealImages:
    return RealImages(dataset, torch.device("cpu"))


@pytest.fixture
def batch(real: RealImages) -> ClassBatch:
    """Eight images of each class, of the last one five and three that do not count."""
    drawn = real.draw(np.random.default_rng(0), 8)
    counted = (drawn.shares > 0).double()
    return ClassBatch(drawn.images.double(), counted / counted.sum(1, keepdim=True))


@pytest.fixture
def synthetic(real: RealImages) -> Tensor:
    return real.initial(np.random.default_rng(1), 2).double()


def members(batch: ClassBatch, c: int) -> Tensor:
    """The images of a class that count."""
    return batch.images[c][batch.shares[c] > 0]


def slow_distribution(network: Backbone, synthetic: Tensor, batch: ClassBatch, c: int) -> float:
    wanted, found = (
        np.mean([network.extractor(image[None]).detach().numpy().ravel() for image in images], 0)
        for images in (members(batch, c), synthetic[c])
    )
    return float(((wanted - found) ** 2).sum())


def slow_gradients(network: Backbone, images: Tensor, c: int) -> list[np.ndarray]:
    """By automatic differentiation of the mean of each image's own loss."""
    total: list[np.ndarray] = []
    for image in images:
        probabilities = torch.softmax(network(image[None].detach()), dim=1)
        grads = torch.autograd.grad(-probabilities[0, c].log(), list(network.parameters()))
        values = [each.numpy() / len(images) for each in grads]
        total = values if not total else [a + b for a, b in zip(total, values, strict=True)]
    return total


def slow_distance(found: list[np.ndarray], wanted: list[np.ndarray]) -> float:
    """``match_loss`` of the paper's code, output by output."""
    total = 0.0
    for a, b in zip(found, wanted, strict=True):
        if a.ndim == 1:
            continue
        for output in range(len(a)):
            u, v = a[output].ravel(), b[output].ravel()
            norms = np.sqrt((u * u).sum()) * np.sqrt((v * v).sum())
            total += 1 - (u * v).sum() / (norms + 1e-6)
    return total


@pytest.mark.parametrize("class_chunk", [1, 2, 3])
def test_losses_are_their_formulas(
    network: Backbone, synthetic: Tensor, batch: ClassBatch, class_chunk: int
) -> None:
    expected = {
        feature_distance: [slow_distribution(network, synthetic, batch, c) for c in range(3)],
        gradient_distance: [
            slow_distance(
                slow_gradients(network, synthetic[c], c),
                slow_gradients(network, members(batch, c), c),
            )
            for c in range(3)
        ],
    }
    for objective, values in expected.items():
        losses, _ = pixel_gradient(objective, network, synthetic, batch, None, class_chunk)
        torch.testing.assert_close(
            losses, torch.tensor(values, dtype=torch.float64), rtol=1e-9, atol=1e-12
        )


def test_the_distance_of_equal_and_opposite_gradients_is_known() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, 4, 3, 3, 3), (2, 4), (2, 5, 7)]
    gradients = [torch.randn(shape, generator=generator).double() for shape in shapes]
    same = layerwise_distance(gradients[::2], gradients[::2])
    torch.testing.assert_close(same, torch.zeros(2).double(), rtol=0, atol=1e-5)
    opposite = layerwise_distance(gradients[::2], [-each for each in gradients[::2]])
    torch.testing.assert_close(
        opposite, torch.full((2,), 2.0 * (4 + 5)).double(), rtol=0, atol=1e-5
    )
    # An output without gradient has no direction.
    zero = [torch.zeros_like(each) for each in gradients[::2]]
    assert layerwise_distance(zero, gradients[::2]).tolist() == [9.0, 9.0]


@pytest.mark.parametrize("create_graph", [False, True])
def test_class_gradients_leave_out_what_has_one_axis(
    network: Backbone, batch: ClassBatch, create_graph: bool
) -> None:
    found = class_gradients(network, batch.images, batch.shares, CLASSES, create_graph=create_graph)
    shapes = [p.shape for p in network.parameters() if p.ndim > 1]
    assert [each.shape[1:] for each in found] == shapes
    assert not any(each.requires_grad for each in found), "nothing here needs a gradient"
    for c in range(3):
        expected = slow_gradients(network, members(batch, c), c)
        several = [each for each in expected if each.ndim > 1]
        for value, slow in zip(found, several, strict=True):
            np.testing.assert_allclose(value[c].numpy(), slow, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("augmented", [False, True])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_pixel_gradients_are_differences(
    network: Backbone,
    synthetic: Tensor,
    batch: ClassBatch,
    objective: Objective,
    augmented: bool,
) -> None:
    record = None
    if augmented:
        record = draw_augmentations(torch.Generator().manual_seed(4), OPERATIONS, 3)
    _, gradient = pixel_gradient(objective, network, synthetic, batch, record, 3)
    generator = torch.Generator().manual_seed(2)
    for _ in range(3):
        direction = torch.randn(synthetic.shape, generator=generator).double()
        # Small, because a ReLU that changes sides makes the loss of gradients jump.
        step = 1e-8
        up, down = (
            pixel_gradient(objective, network, moved, batch, record, 3)[0].sum()
            for moved in (synthetic + step * direction, synthetic - step * direction)
        )
        expected = (up - down) / (2 * step)
        torch.testing.assert_close((gradient * direction).sum(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_some_classes_at_a_time_give_the_same_numbers(
    network: Backbone, synthetic: Tensor, batch: ClassBatch, objective: Objective
) -> None:
    record = draw_augmentations(torch.Generator().manual_seed(4), OPERATIONS, 3)
    together = pixel_gradient(objective, network, synthetic, batch, record, 3)
    for class_chunk in (1, 2):
        found = pixel_gradient(objective, network, synthetic, batch, record, class_chunk)
        torch.testing.assert_close(found, together, rtol=1e-9, atol=1e-12)


def test_permuted_classes_give_permuted_results(
    network: Backbone, synthetic: Tensor, batch: ClassBatch
) -> None:
    """Distribution matching does not look at labels; gradients need the classifier's rows too."""
    order = torch.tensor([2, 0, 1])
    record = draw_augmentations(torch.Generator().manual_seed(4), OPERATIONS, 3)
    permuted = replace(batch, images=batch.images[order], shares=batch.shares[order])
    other = copy.deepcopy(network)
    with torch.no_grad():
        other.head.weight.copy_(network.head.weight[order])
        other.head.bias.copy_(network.head.bias[order])
    for objective in OBJECTIVES:
        losses, gradient = pixel_gradient(objective, network, synthetic, batch, record, 3)
        found = pixel_gradient(objective, other, synthetic[order], permuted, record[order], 3)
        torch.testing.assert_close(found, (losses[order], gradient[order]), rtol=1e-9, atol=1e-12)


def test_equal_images_have_no_distance(network: Backbone, batch: ClassBatch) -> None:
    """Of all images of each class, through one record for both."""
    images, shares = batch.images[:2], batch.shares[:2]
    two = ClassBatch(images, shares)
    record = draw_augmentations(torch.Generator().manual_seed(4), OPERATIONS, 2)
    losses, gradient = pixel_gradient(feature_distance, network, images, two, record, 2)
    assert losses.max() < 1e-20 and gradient.abs().max() < 1e-12
    # The constant beside the norms leaves a little where gradients are small.
    losses, _ = pixel_gradient(gradient_distance, network, images, two, record, 2)
    weights = sum(len(p) for p in network.parameters() if p.ndim > 1)
    assert losses.max() < 0.01 * weights


def test_real_images_are_different_ones_of_their_class(real: RealImages) -> None:
    drawn = real.draw(np.random.default_rng(0), 8)
    assert drawn.images.shape[:2] == (3, 8)
    assert (drawn.shares > 0).sum(1).tolist() == [8, 8, 5]
    torch.testing.assert_close(drawn.shares.sum(1), torch.ones(3))
    for c in range(3):
        counted = drawn.images[c][drawn.shares[c] > 0]
        assert len(counted.unique(dim=0)) == len(counted)
    assert real.draw(np.random.default_rng(0), 100).images.shape[:2] == (3, 12)
