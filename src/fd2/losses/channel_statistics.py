"""Mean and variance of every channel, with a backward pass of one affine map."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import batch_norm

from fd2.networks.formats import at_least_float32


def channel_statistics(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Biased variance and mean over (N, H, W), accumulated in float32 at least.

    The values of ``torch.var_mean`` up to rounding; channels-last tensors, which that walks element
    by element, are read in whole vectors by the kernel of batch norm's training mode. The gradient
    with respect to x is ``(g_mean + 2 g_variance (x - mean)) / NHW``, one affine map per channel,
    computed in one pass in the type of the input. First derivatives only.

    Args:
        inputs: floating ``[N, C, H, W]``.

    Returns:
        Variance ``[C]`` and mean ``[C]``.
    """
    variance, mean = _ChannelStatistics.apply(inputs)
    return variance, mean


class _ChannelStatistics(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Variance and mean ``[C]`` of ``[N, C, H, W]``."""
        variance, mean = _measure(inputs)
        ctx.save_for_backward(inputs, mean)
        return variance, mean

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, variance_gradient: Tensor, mean_gradient: Tensor) -> Tensor:
        """Gradient with respect to the inputs."""
        inputs, mean = ctx.saved_tensors
        count = inputs.numel() // inputs.shape[1]
        return batch_norm(
            inputs,
            mean,
            torch.ones_like(mean),
            variance_gradient * (2 / count),
            mean_gradient / count,
            eps=0.0,
        )


def _measure(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Variance and mean ``[C]``; of channels-last inputs by columns first.

    The channels-last kernel adds row after row to one float32 sum, which after a million rows is
    right to three digits only. Every column of the image as a channel of its own has sums of N*H
    rows, and the columns' statistics combine exactly, as all have the same count.
    """
    if not inputs.is_contiguous(memory_format=torch.channels_last):
        return torch.var_mean(at_least_float32(inputs), dim=(0, 2, 3), correction=0)
    channels, columns = inputs.shape[1], inputs.shape[3]
    rows = inputs.permute(0, 2, 3, 1).flatten(2).permute(0, 2, 1).unsqueeze(3)
    # The kernel also updates running statistics: it gets spare ones, whose type is its sums'.
    spare = at_least_float32(inputs.new_empty(0)).new_zeros(2, columns * channels)
    mean, variance = torch.batch_norm_update_stats(rows, spare[0], spare[1], 0.0)
    means, variances = mean.view(columns, channels), variance.view(columns, channels)
    total = means.mean(0)
    return variances.mean(0) + (means - total).square().mean(0), total
