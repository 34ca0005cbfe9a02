"""The normalised distance: formula, range, symmetry, gradients."""

from __future__ import annotations

import math

import pytest
import torch

from fd2.losses.distance import normalised_distance, pairwise_normalised_distance


def slow(a: torch.Tensor, b: torch.Tensor) -> float:
    length = [math.sqrt(sum(float(v) ** 2 for v in x)) for x in (a, b)]
    gap = math.sqrt(sum((float(u) - float(v)) ** 2 for u, v in zip(a, b, strict=True)))
    return gap / (length[0] + length[1] + 1e-6)


def rows(count: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    scale = 10.0 ** torch.randint(-3, 4, (count, 1), generator=generator)
    return (scale * torch.randn(count, 7, generator=generator, dtype=torch.float64)).to(dtype)


def test_both_forms_equal_the_plain_formula() -> None:
    a, b = rows(20, 0), rows(30, 1)
    expected = torch.tensor([[slow(x, y) for y in b] for x in a], dtype=torch.float64)
    broadcast = normalised_distance(a[:, None], b[None])
    torch.testing.assert_close(broadcast, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(pairwise_normalised_distance(a, b), expected, rtol=1e-7, atol=1e-9)


def test_in_unit_interval_and_symmetric() -> None:
    a, b = rows(200, 2), rows(200, 3)
    b[:20], b[20:40] = -a[:20], a[20:40]
    b[40], a[41] = 0, 0
    for distances in (
        normalised_distance(a[:, None], b[None]),
        pairwise_normalised_distance(a, b),
    ):
        assert distances.min() >= 0 and distances.max() <= 1 + 1e-12
    assert torch.equal(normalised_distance(a, b), normalised_distance(b, a))
    both_ways = pairwise_normalised_distance(b, a).T
    torch.testing.assert_close(pairwise_normalised_distance(a, b), both_ways, rtol=1e-9, atol=1e-9)
    assert normalised_distance(a[20:40], b[20:40]).max() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradient_is_zero_and_finite_where_both_agree(dtype: torch.dtype) -> None:
    a = rows(5, 4, dtype).requires_grad_()
    own = normalised_distance(a, a.detach())
    pairs = pairwise_normalised_distance(a, a.detach())
    assert torch.equal(own, torch.zeros_like(own))
    assert torch.equal(pairs.diagonal(), torch.zeros_like(own))
    agreeing = own.sum() + pairs.diagonal().sum()
    (gradient,) = torch.autograd.grad(agreeing, a, retain_graph=True)
    assert torch.equal(gradient, torch.zeros_like(a))
    (gradient,) = torch.autograd.grad(pairs.sum(), a)
    assert gradient.isfinite().all() and gradient.abs().max() > 0


def test_gradient_is_finite_at_zero_vectors() -> None:
    a = torch.zeros(2, 7, requires_grad=True)
    b = torch.cat([torch.zeros(1, 7), torch.ones(1, 7)])
    total = normalised_distance(a, b).sum() + pairwise_normalised_distance(a, b).sum()
    total.backward()
    assert a.grad is not None and a.grad.isfinite().all()


def test_pairwise_float32_is_accurate_for_unit_vectors() -> None:
    generator = torch.Generator().manual_seed(5)
    a = torch.nn.functional.normalize(torch.randn(40, 4096, generator=generator), dim=1)
    b = torch.nn.functional.normalize(a + 1e-3 * torch.randn(40, 4096, generator=generator), dim=1)
    exact = normalised_distance(a.double()[:, None], b.double()[None])
    got = pairwise_normalised_distance(a, b)
    torch.testing.assert_close(got.double(), exact, rtol=0, atol=2e-5)


def test_half_precision_input_gives_float32() -> None:
    a, b = rows(3, 6).bfloat16(), rows(4, 7).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pairs = pairwise_normalised_distance(a, b)
    assert pairs.dtype == normalised_distance(a, b[:3]).dtype == torch.float32
    exact = pairwise_normalised_distance(a.double(), b.double()).float()
    torch.testing.assert_close(pairs, exact, rtol=1e-4, atol=1e-5)
