"""Class activation maps against slow formulas."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fd2.config import plugins
from fd2.config.networks import NetworkInput
from fd2.networks.activation_maps import MAPS, activation_maps, grad_cam, smooth_grad_cam
from fd2.networks.backbone import Backbone

CLASSES, SIZE = 3, 16


@pytest.fixture(scope="module", params=["convnet", "resnet10t"])
def backbone(request: pytest.FixtureRequest) -> Backbone:
    plugin = plugins.load("backbones", request.param)
    size = NetworkInput(3, SIZE if request.param == "convnet" else 64)
    network: Backbone = plugin.build(CLASSES, "scratch", seed=0, images=size)
    return network.double().eval()


@pytest.fixture
def images(backbone: Backbone) -> Tensor:
    size = SIZE if backbone.flattens else 64
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, 3, size, size, generator=generator, dtype=torch.float64)


CHOSEN = torch.tensor([0, 1, 2, 1, 0])


def parts(backbone: Backbone, image: Tensor, label: int) -> tuple[Tensor, Tensor]:
    """Feature map ``[D, h, w]`` of one image and the gradient of a logit by it."""
    features = backbone.features(image[None]).detach().requires_grad_()
    backbone.classify(features)[0, label].backward()
    assert features.grad is not None
    return features.detach()[0], features.grad[0]


def test_grad_cam(backbone: Backbone, images: Tensor) -> None:
    found = grad_cam(backbone, images, CHOSEN)
    for row, label in enumerate(CHOSEN.tolist()):
        features, gradient = parts(backbone, images[row], label)
        wanted = torch.zeros(features.shape[1:], dtype=torch.float64)
        for channel in range(len(features)):
            wanted += gradient[channel].mean() * features[channel]
        torch.testing.assert_close(found[row], wanted.clamp(min=0), rtol=1e-8, atol=1e-10)


def test_smooth_grad_cam(backbone: Backbone, images: Tensor) -> None:
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(3, *images.shape, generator=generator, dtype=torch.float64)
    found = smooth_grad_cam(backbone, images, CHOSEN, noise)
    for row, label in enumerate(CHOSEN.tolist()):
        features, _ = parts(backbone, images[row], label)
        gradients = [parts(backbone, images[row] + each[row], label)[1] for each in noise]
        wanted = torch.zeros(features.shape[1:], dtype=torch.float64)
        for channel, one in enumerate(features):
            own = [gradient[channel] for gradient in gradients]
            square = sum(each**2 for each in own) / len(own)
            cube = sum(each**3 for each in own) / len(own)
            alpha = square / (2 * square + (cube * one).sum() + 1e-8)
            mean = sum(own) / len(own)
            wanted += (alpha * mean.clamp(min=0)).sum() * one
        torch.testing.assert_close(found[row], wanted.clamp(min=0), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", MAPS)
def test_maps_are_from_zero_to_one_and_as_large_as_the_images(
    kind: str, backbone: Backbone, images: Tensor
) -> None:
    def drawn(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return activation_maps(kind, backbone, images, CHOSEN, generator)

    maps = drawn(2)
    assert maps.shape == (5, *images.shape[2:]) and not maps.requires_grad
    assert maps.min() >= 0 and maps.max() <= 1
    assert torch.equal(maps, drawn(2))
    if kind == "grad_cam":
        small = grad_cam(backbone, images, CHOSEN)[0]
        scaled = (small - small.min()) / (small.max() - small.min() + 1e-8)
        wanted = interpolate(scaled[None, None], tuple(images.shape[2:]), mode="bilinear")[0, 0]
        torch.testing.assert_close(maps[0], wanted)
