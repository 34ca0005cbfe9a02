"""The gradient of a strided first convolution, by phases, against autograd's."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from fd2.networks.stem_gradient import StemConvolution, freeze_stem
from fd2.networks.stored_teacher import build_teacher


def pair(layer: nn.Conv2d) -> tuple[nn.Conv2d, nn.Conv2d]:
    """The layer, and a copy with the gradient by phases."""
    layer = layer.double().requires_grad_(False)
    other = copy.deepcopy(layer)
    freeze_stem(nn.Sequential(other))
    return layer, other


def gradients(layer: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    leaf = images.clone().requires_grad_()
    output = layer(leaf)
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((output * weights.to(output.dtype)).sum(), leaf)
    return output.detach(), gradient


@pytest.mark.parametrize("size", [(20, 20), (17, 22), (9, 7)])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(7, 2, 3), (3, 2, 1), (4, 4, 0), (5, 3, 2), (3, 2, 0), (2, 3, 1)],
)
@pytest.mark.parametrize("bias", [True, False])
def test_equals_autograd(
    kernel: int, stride: int, padding: int, size: tuple[int, int], bias: bool
) -> None:
    plain, phased = pair(nn.Conv2d(3, 5, kernel, stride, padding, bias=bias))
    assert type(phased) is StemConvolution
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0)).double()
    (expected, slow), (output, gradient) = gradients(plain, images), gradients(phased, images)
    assert torch.equal(output, expected)
    torch.testing.assert_close(gradient, slow, rtol=1e-12, atol=1e-12)


def test_under_autocast_the_images_get_float32_gradients() -> None:
    plain, phased = (layer.float() for layer in pair(nn.Conv2d(3, 8, 7, 2, 3, bias=False)))
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (_, slow), (output, gradient) = gradients(plain, images), gradients(phased, images)
    assert output.dtype == torch.bfloat16 and gradient.dtype == torch.float32
    assert (gradient - slow).abs().max() < 0.02 * slow.abs().max()


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 4, 3, 1, 1),
        nn.Conv2d(16, 4, 3, 2, 1),
        nn.Conv2d(3, 3, 3, 2, 1, groups=3),
        nn.Conv2d(3, 4, 3, 2, 1, dilation=2),
        nn.Conv2d(3, 4, 3, (2, 1), 1),
        nn.Conv2d(3, 4, 3, 2, 1, padding_mode="reflect"),
    ],
)
def test_other_convolutions_are_left_alone(layer: nn.Conv2d) -> None:
    freeze_stem(nn.Sequential(layer))
    assert type(layer) is nn.Conv2d


def test_frozen_teachers_have_it_under_the_same_names() -> None:
    teacher = build_teacher("resnet18", 3, None, initialisation="scratch", seed=0)
    names = list(teacher.state_dict())
    assert type(teacher.freeze().backbone.extractor.conv1) is StemConvolution
    assert list(teacher.state_dict()) == names
