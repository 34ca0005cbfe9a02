"""Gradients of every loss with respect to the pixels, by finite differences in float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from fd2.engine.terms import dual_head_cross_entropy
from fd2.losses.batch_norm import BatchNormStatistics
from fd2.losses.pretrain_loss import cal_pretrain_loss, teacher_loss
from fd2.networks.backbone import Backbone
from fd2.networks.cal import CALOutput, CounterfactualAttention
from fd2.networks.teacher import Teacher
from fd2.regularisers.characteristic import characteristic_loss
from fd2.regularisers.similarity import similarity_loss
from fd2.regularisers.total_variation import total_variation

LABELS = torch.tensor([1, 0])
Loss = Callable[[Tensor], Tensor]


def tiny_teacher() -> Teacher:
    extractor = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 5, 3, stride=2), nn.BatchNorm2d(5), nn.ReLU(),
    )  # fmt: skip
    backbone = Backbone(extractor, nn.Linear(5, 3), 5)
    network = Teacher(backbone, CounterfactualAttention(5, 2, 3, seed=0)).double()
    generator = torch.Generator().manual_seed(4)
    for tensor in backbone.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(0.2 + 0.4 * torch.randn(tensor.shape, generator=generator).abs())
    for name, tensor in backbone.named_parameters():
        if name.endswith("weight") and tensor.ndim == 4:
            tensor.data.copy_(0.4 * torch.randn(tensor.shape, generator=generator))
    network.prototypes.copy_(torch.randn(3, 10, generator=generator))
    return network.freeze()


def pixels() -> Tensor:
    return torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(9)).double()


def losses() -> dict[str, Loss]:
    network = tiny_teacher()
    with torch.no_grad():
        earlier = torch.stack([network(pixels().flip(n)).attention for n in (2, 3)])

    def batch_norm(x: Tensor) -> Tensor:
        layers = [*network.batch_norms(), *network.cal_batch_norms()]
        with BatchNormStatistics(layers) as statistics:
            network(x)
            return statistics.loss()

    def class_loss(x: Tensor) -> Tensor:
        output = network(x)
        return dual_head_cross_entropy(output.backbone_logits, output.cal_logits, LABELS, 0.3)

    def characteristic(x: Tensor) -> Tensor:
        prototypes = functional.normalize(network.prototypes, dim=1)
        return characteristic_loss(network(x).cal_feature, prototypes, LABELS, 0.4)

    def pretrain(x: Tensor) -> Tensor:
        z, features, *rest = network(x)
        cal = CALOutput(*rest)
        effects = network.cal.effect(features, cal, torch.Generator().manual_seed(0))
        loss = cal_pretrain_loss(cal.logits, effects, cal.feature, network.prototypes, LABELS)
        return teacher_loss(z, LABELS, loss, 0.4)

    return {
        "batch_norm": batch_norm,
        "class_loss": class_loss,
        "characteristic": characteristic,
        "similarity": lambda x: similarity_loss(network(x).attention, earlier),
        "pretrain": pretrain,
        "total_variation": total_variation,
    }


NAMES = list(losses())


@pytest.mark.parametrize("name", NAMES)
def test_gradcheck(name: str) -> None:
    torch.autograd.gradcheck(losses()[name], pixels().requires_grad_(), eps=1e-7, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_central_difference_along_a_direction(name: str) -> None:
    loss, x, step = losses()[name], pixels().requires_grad_(), 1e-6
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(2)).double()
    (gradient,) = torch.autograd.grad(loss(x), x)
    with torch.no_grad():
        difference = (loss(x + step * direction) - loss(x - step * direction)) / (2 * step)
    slope = (gradient * direction).sum().item()
    assert abs(slope) > 1e-4
    assert slope == pytest.approx(difference.item(), rel=1e-5)
