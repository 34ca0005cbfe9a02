"""Total variation against plain loops in float64; its pixel gradient is in test_pixel_gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fd2.regularisers.total_variation import total_variation


def images() -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(2, 3, 5, 4, generator=generator, dtype=torch.float64)


def test_equals_plain_loops() -> None:
    x = images()
    down = [
        float(x[b, c, i + 1, j] - x[b, c, i, j]) ** 2
        for b in range(2) for c in range(3) for i in range(4) for j in range(4)
    ]  # fmt: skip
    right = [
        float(x[b, c, i, j + 1] - x[b, c, i, j]) ** 2
        for b in range(2) for c in range(3) for i in range(5) for j in range(3)
    ]  # fmt: skip
    expected = sum(down) / len(down) + sum(right) / len(right)
    assert total_variation(x).item() == pytest.approx(expected, rel=1e-12)


def test_constant_images_have_none_and_a_step_counts_its_edge() -> None:
    x = torch.full((1, 3, 4, 4), 0.7)
    assert total_variation(x).item() == 0
    x[..., 2:] += 3
    # One of three differences along a row is 3.
    assert total_variation(x).item() == pytest.approx(9 / 3)


def test_descent_smooths() -> None:
    x = images().requires_grad_()
    (gradient,) = torch.autograd.grad(total_variation(x), x)
    assert total_variation(x - gradient) < total_variation(x)
