"""FD² eq. 9 against plain loops in float64, and which prototypes its term compares with."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from fd2.augment.views import identity
from fd2.networks.teacher import TeacherOutput
from fd2.regularisers import characteristic
from fd2.regularisers._interface import Step
from fd2.regularisers.characteristic import characteristic_loss


def distance(a: torch.Tensor, b: torch.Tensor) -> float:
    lengths = float(a.square().sum()) ** 0.5 + float(b.square().sum()) ** 0.5
    return float((a - b).square().sum()) ** 0.5 / (lengths + 1e-6)


def example() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(5, 12, generator=generator, dtype=torch.float64)
    prototypes = torch.randn(4, 12, generator=generator, dtype=torch.float64)
    return features, prototypes, torch.tensor([3, 0, 1, 1, 2])


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 1.0])
def test_equals_plain_loops(alpha: float) -> None:
    features, prototypes, labels = example()
    expected = 0.0
    for f, y in zip(features, labels.tolist(), strict=True):
        others = [distance(f, prototypes[c]) for c in range(4) if c != y]
        expected += alpha * distance(f, prototypes[y]) + (1 - alpha) * (1 - sum(others) / 3)
    loss = characteristic_loss(features, prototypes, labels, alpha)
    assert loss.item() == pytest.approx(expected / 5, rel=1e-9)


def test_order_of_classes_and_samples_does_not_matter() -> None:
    features, prototypes, labels = example()
    order = torch.tensor([2, 0, 3, 1])
    where = torch.argsort(order)
    rows = torch.tensor([4, 2, 0, 1, 3])
    one = characteristic_loss(features, prototypes, labels, 0.5)
    two = characteristic_loss(features[rows], prototypes[order], where[labels][rows], 0.5)
    torch.testing.assert_close(one, two)


def test_gradient_is_finite_when_features_sit_on_prototypes() -> None:
    _, prototypes, labels = example()
    features = prototypes[labels].float().requires_grad_()
    characteristic_loss(features, prototypes.float(), labels, 0.5).backward()
    assert features.grad is not None and features.grad.isfinite().all()


def test_descent_moves_a_feature_towards_its_prototype() -> None:
    features, prototypes, labels = example()
    features.requires_grad_()
    loss = characteristic_loss(features, prototypes, labels, 0.5)
    (gradient,) = torch.autograd.grad(loss, features)
    before = (features - prototypes[labels]).norm(dim=1)
    after = (features - gradient - prototypes[labels]).norm(dim=1)
    assert (after < before).all()


def step(scale: float = 1.0) -> Step:
    generator = torch.Generator().manual_seed(0)
    feature = functional.normalize(torch.randn(3, 8, generator=generator), dim=1)
    prototypes = scale * 0.05 * torch.randn(4, 8, generator=generator)
    images = torch.zeros(3, 3, 2, 2)
    output = TeacherOutput(torch.zeros(3, 4), torch.zeros(3, 2, 2, 2), None, feature, None)
    return Step(images, identity(1), torch.tensor([2, 0, 3]), output, 0, prototypes, {})


def test_prototypes_are_raw_or_normalised() -> None:
    seen = step()
    values = {}
    for form in ("raw", "normalised"):
        settings = {"weight": 0.8, "alpha": 0.5, "prototypes": form}
        values[form] = characteristic.build(settings).loss(seen)
    feature, prototypes = seen.output.cal_feature, seen.prototypes
    unit = prototypes / prototypes.norm(dim=1, keepdim=True)
    assert torch.equal(values["raw"], characteristic_loss(feature, prototypes, seen.labels, 0.5))
    expected = characteristic_loss(feature, unit, seen.labels, 0.5)
    torch.testing.assert_close(values["normalised"], expected)
    assert abs(values["raw"] - values["normalised"]) > 1e-3


def test_normalised_prototypes_make_their_scale_irrelevant() -> None:
    term = characteristic.build({"weight": 0.8, "alpha": 0.2, "prototypes": "normalised"})
    torch.testing.assert_close(term.loss(step()), term.loss(step(17.0)))
