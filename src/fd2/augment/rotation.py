"""Rotation through which images have a gradient that is the same on every run."""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from fd2.augment.colour import rotate


def differentiable_rotation(images: Tensor, degrees: Tensor) -> Tensor:
    """As `rotate`, for images ``[B, C, H, W]`` and angles ``[B]``, with another backward pass.

    That of ``grid_sample`` adds up in an order that differs from run to run on a GPU. First
    derivatives only, with respect to the images.
    """
    rotated: Tensor = _Rotation.apply(images, degrees)
    return rotated


class _Rotation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, degrees: Tensor) -> Tensor:
        """The rotation."""
        ctx.save_for_backward(degrees)
        return rotate(images, degrees)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Gradient with respect to the images."""
        (degrees,) = ctx.saved_tensors
        return image_gradient(gradient, degrees), None


def image_gradient(gradient: Tensor, degrees: Tensor) -> Tensor:
    """The gradient of a rotation's input from that of its output, both ``[B, C, H, W]``.

    An output pixel samples the four input pixels around its place before the rotation. Seen from an
    input pixel, those that sample it lie around its own place after the rotation: less than the
    square root of 2 away on each axis, hence among the 4×4 pixels there.
    """
    height, width = gradient.shape[-2:]
    angle = torch.deg2rad(degrees.to(gradient))[:, None, None]
    cosine, sine = angle.cos(), angle.sin()
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    y = torch.arange(height, device=gradient.device, dtype=gradient.dtype)[:, None] - middle_y
    x = torch.arange(width, device=gradient.device, dtype=gradient.dtype) - middle_x
    top = (cosine * y - sine * x + middle_y).floor()
    left = (cosine * x + sine * y + middle_x).floor()
    flat = gradient.flatten(2)
    total = torch.zeros_like(gradient)
    for down, right in product(range(-1, 3), repeat=2):
        row, column = top + down, left + right
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        below, beside = row - middle_y, column - middle_x
        weight = _hat(cosine * below + sine * beside - y) * _hat(cosine * beside - sine * below - x)
        index = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long()
        taken = flat.gather(2, index.flatten(1)[:, None].expand_as(flat)).view_as(gradient)
        total = total + (weight * inside)[:, None] * taken
    return total


def _hat(distance: Tensor) -> Tensor:
    return (1 - distance.abs()).clamp(min=0)
