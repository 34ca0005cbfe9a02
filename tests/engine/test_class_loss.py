"""FD² eq. 11."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from fd2.engine.terms import dual_head_cross_entropy


def slow_cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    total = 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        total += math.log(sum(math.exp(value) for value in row)) - row[label]
    return total / len(labels)


def example() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    z, p = 3 * torch.randn(2, 6, 4, generator=generator, dtype=torch.float64)
    return z, p, torch.tensor([0, 1, 2, 3, 1, 1])


@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0])
def test_equals_the_formula(ratio: float) -> None:
    z, p, labels = example()
    expected = (1 - ratio) * slow_cross_entropy(z, labels) + ratio * slow_cross_entropy(p, labels)
    assert dual_head_cross_entropy(z, p, labels, ratio).item() == pytest.approx(expected, rel=1e-12)


def test_ratio_zero_is_cross_entropy_bit_for_bit_and_ignores_the_other_head() -> None:
    z, p, labels = example()
    plain = functional.cross_entropy(z.float(), labels)
    p = (p * math.nan).requires_grad_()
    loss = dual_head_cross_entropy(z.float().requires_grad_(), p, labels, 0)
    assert torch.equal(loss, plain)
    assert torch.equal(dual_head_cross_entropy(z.float(), None, labels, 0.0), plain)
    loss.backward()
    assert p.grad is None
