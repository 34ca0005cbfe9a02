"""Channel statistics against torch's in float64: values, gradient, memory formats, precision."""

from __future__ import annotations

import pytest
import torch

from fd2.losses.channel_statistics import channel_statistics

FORMATS = [torch.contiguous_format, torch.channels_last]


def inputs(memory_format: torch.memory_format, *shape: int) -> torch.Tensor:
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    # Columns differ in mean, so that combining them matters.
    drawn = drawn + torch.arange(shape[3])
    return drawn.contiguous(memory_format=memory_format).requires_grad_()


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("shape", [(4, 3, 5, 7), (2, 8, 1, 1), (1, 1, 6, 4)])
def test_values_and_gradient_are_those_of_var_mean(
    memory_format: torch.memory_format, shape: tuple[int, ...]
) -> None:
    x = inputs(memory_format, *shape)
    made, expected = channel_statistics(x), torch.var_mean(x, dim=(0, 2, 3), correction=0)
    weights = torch.linspace(-1, 2, shape[1], dtype=torch.float64)
    gradients = [
        torch.autograd.grad((variance * weights + mean.square()).sum(), x)[0]
        for variance, mean in (made, expected)
    ]
    torch.testing.assert_close(made, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("memory_format", FORMATS)
def test_many_rows_keep_their_digits(
    memory_format: torch.memory_format, dtype: torch.dtype
) -> None:
    """A million rows added up one by one in float32 would be wrong by about 1e-3."""
    x = 0.7 * torch.randn(80, 4, 112, 112, generator=torch.Generator().manual_seed(0)) + 3
    x = x.to(dtype).contiguous(memory_format=memory_format)
    variance, mean = channel_statistics(x)
    assert variance.dtype == mean.dtype == torch.float32
    exact, middle = torch.var_mean(x.double(), dim=(0, 2, 3), correction=0)
    torch.testing.assert_close(variance.double(), exact, rtol=2e-5, atol=0)
    torch.testing.assert_close(mean.double(), middle, rtol=2e-6, atol=0)
