"""Bilinear attention pooling against plain loops in float64."""

from __future__ import annotations

import math

import torch

from fd2.networks.cal import bilinear_attention_pool


def slow_pool(features: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    batch, channels, height, width = features.shape
    rows = []
    for b in range(batch):
        row = []
        for m in range(attention.shape[1]):
            for d in range(channels):
                total = 0.0
                for i in range(height):
                    for j in range(width):
                        total += float(attention[b, m, i, j]) * float(features[b, d, i, j])
                mean = total / (height * width)
                sign = (mean > 0) - (mean < 0)
                row.append(sign * math.sqrt(abs(mean) + 1e-6))
        norm = math.sqrt(sum(value * value for value in row))
        rows.append([value / norm for value in row])
    return torch.tensor(rows, dtype=torch.float64)


def example(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(3, 4, 2, 3, generator=generator, dtype=torch.float64)
    attention = torch.rand(3, 2, 2, 3, generator=generator, dtype=torch.float64)
    return features.to(dtype), attention.to(dtype)


def test_equals_plain_loops_with_maps_major() -> None:
    features, attention = example()
    pooled = bilinear_attention_pool(features, attention)
    torch.testing.assert_close(pooled, slow_pool(features, attention), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(pooled.norm(dim=1), torch.ones(3, dtype=torch.float64))


def test_half_precision_input_accumulates_in_float32() -> None:
    features, attention = example(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pooled = bilinear_attention_pool(features, attention)
    assert pooled.dtype == torch.float32
    expected = slow_pool(features.double(), attention.double()).float()
    torch.testing.assert_close(pooled, expected, rtol=1e-5, atol=1e-6)


def test_gradient_is_finite_where_everything_is_zero() -> None:
    features, attention = (x.requires_grad_() for x in example(torch.float32))
    pooled = bilinear_attention_pool(features * 0, attention * 0)
    assert torch.equal(pooled, torch.zeros_like(pooled))
    pooled.sum().backward()
    assert features.grad.isfinite().all() and attention.grad.isfinite().all()


def test_gradient_is_finite_where_some_maps_are_zero() -> None:
    features, attention = example(torch.float32)
    attention[:, 0] = 0
    features.requires_grad_()
    bilinear_attention_pool(features, attention.requires_grad_())[:, :5].sum().backward()
    assert features.grad.isfinite().all() and attention.grad.isfinite().all()
    assert features.grad.abs().max() > 0
