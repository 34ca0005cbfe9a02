"""FD² eq. 10 against plain loops in float64."""

from __future__ import annotations

import pytest
import torch

from fd2.losses.similarity import similarity_loss


def example(k: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(k + 1, 3, 2, 4, 4, generator=generator, dtype=torch.float64)
    return maps[0], maps[1:]


@pytest.mark.parametrize("k", [1, 3])
def test_equals_plain_loops(k: int) -> None:
    attention, earlier = example(k)
    expected = 0.0
    for b in range(3):
        total = 0.0
        for j in range(k):
            one, other = attention[b].flatten(), earlier[j, b].flatten()
            lengths = float(one.square().sum()) ** 0.5 + float(other.square().sum()) ** 0.5
            total += float((one - other).square().sum()) ** 0.5 / (lengths + 1e-6)
        expected += 1 - total / k
    assert similarity_loss(attention, earlier).item() == pytest.approx(expected / 3, rel=1e-12)


def test_no_earlier_image_gives_zero() -> None:
    attention, earlier = example(0)
    loss = similarity_loss(attention, earlier)
    assert loss.item() == 0 and loss.shape == () and loss.dtype == torch.float64


def test_identical_maps_give_one_and_a_finite_gradient() -> None:
    attention, _ = example(1)
    attention.requires_grad_()
    loss = similarity_loss(attention, attention.detach().expand(2, -1, -1, -1, -1))
    loss.backward()
    assert loss.item() == 1
    assert attention.grad is not None and attention.grad.isfinite().all()


def test_half_precision_maps_give_a_float32_loss() -> None:
    attention, earlier = example(2)
    loss = similarity_loss(attention.bfloat16(), earlier.float())
    assert loss.dtype == torch.float32
    assert similarity_loss(attention.bfloat16(), earlier[:0]).dtype == torch.float32
    assert loss.item() == pytest.approx(similarity_loss(attention, earlier).item(), abs=1e-2)
