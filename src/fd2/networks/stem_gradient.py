"""The gradient of a network's first convolution with respect to the images, without waste."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

_MOST_IMAGE_CHANNELS = 4


class StemConvolution(nn.Conv2d):
    """A frozen strided convolution of images whose backward pass is a dense convolution.

    A CPU computes the gradient with respect to three channels under a stride at a fifth of the
    rate of other convolutions. Here the pixels of each stride phase become channels: one
    convolution without stride from the output's gradient to ``3 * stride²`` channels, then a pixel
    shuffle. The same sums in another order. First derivatives only.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] to what ``nn.Conv2d`` gives."""
        frozen = not self.weight.requires_grad
        if frozen and images.requires_grad and images.device.type == "cpu":
            output: Tensor = _StemFunction.apply(images, self)
            return output
        return super().forward(images)


class _StemFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, layer: StemConvolution) -> Tensor:
        """The convolution."""
        ctx.layer = layer
        ctx.size, ctx.dtype = images.shape[-2:], images.dtype
        return nn.Conv2d.forward(layer, images)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Gradient with respect to the images."""
        layer = ctx.layer
        weight = layer.weight.detach().to(gradient.dtype)
        stride, padding = layer.stride[0], layer.padding[0]
        return image_gradient(gradient, weight, ctx.size, stride, padding).to(ctx.dtype), None


def image_gradient(
    gradient: Tensor, weight: Tensor, size: tuple[int, int], stride: int, padding: int
) -> Tensor:
    """``conv2d``'s gradient with respect to its input, by stride phases.

    Input pixel ``stride * i + a`` meets the taps k with ``k = a + padding`` modulo the stride, at
    output ``i + (a + padding - k) / stride``. With q zeros before the first tap, so that
    ``padding + q`` is a multiple of the stride, those are the taps ``stride * m + a``.

    Args:
        gradient: of the output, ``[N, D, h, w]``.
        weight: ``[D, C, k, k]``, in the type of ``gradient``.
        size: H and W of the input.
        stride: of both axes, > 0.
        padding: with zeros, on all four sides.

    Returns:
        ``[N, C, H, W]``.
    """
    outputs, channels, kernel, _ = weight.shape
    before = -padding % stride
    after = -(kernel + before) % stride
    taps = (kernel + before + after) // stride
    split = F.pad(weight, (before, after, before, after))
    split = split.reshape(outputs, channels, taps, stride, taps, stride).flip(2, 4)
    phases = split.permute(1, 3, 5, 0, 2, 4).reshape(-1, outputs, taps, taps)
    last_offset = (padding + before) // stride
    left = taps - 1 - last_offset
    rows, columns = (-(-length // stride) for length in size)
    spare = (rows - gradient.shape[2], columns - gradient.shape[3])
    margin = max(left, *(extra + last_offset for extra in spare), 0)
    dense = F.conv2d(gradient, phases.contiguous(memory_format=torch.channels_last), padding=margin)
    start = margin - left
    dense = dense[:, :, start : start + rows, start : start + columns]
    return F.pixel_shuffle(dense, stride)[:, :, : size[0], : size[1]]


def freeze_stem(network: nn.Module) -> None:
    """Let the first convolution of a frozen network be a `StemConvolution`, if it is strided.

    Names and values of weights stay. Convolutions of other classes, with groups, dilation or
    other than zero padding are left alone.
    """
    layer = next((m for m in network.modules() if isinstance(m, nn.Conv2d)), None)
    if layer is None or type(layer) is not nn.Conv2d or isinstance(layer.padding, str):
        return
    square = all(len(set(pair)) == 1 for pair in (layer.stride, layer.padding, layer.kernel_size))
    ordinary = layer.groups == 1 and set(layer.dilation) == {1} and layer.padding_mode == "zeros"
    few_channels = layer.in_channels <= _MOST_IMAGE_CHANNELS
    if square and ordinary and few_channels and layer.stride[0] > 1:
        layer.__class__ = StemConvolution
