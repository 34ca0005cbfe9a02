"""ConvNet, AlexNet and VGG11 against the layers that the code of DC, DSA and DM spells out."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from fd2.backbones.small_images import convnet_depth
from fd2.config import plugins
from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.networks.backbone import Backbone

NAMES = ("alexnet", "convnet", "convnet_d5", "vgg11")


def built(name: str, channels: int = 3, resolution: int = 32, classes: int = 10) -> Backbone:
    seen = NetworkInput(channels, resolution)
    return plugins.load("backbones", name).build(classes, "scratch", seed=0, images=seen)


def block(channels: int, width: int, padding: int = 1) -> list[nn.Module]:
    norm = nn.GroupNorm(width, width, affine=True)
    return [nn.Conv2d(channels, width, 3, padding=padding), norm, nn.ReLU()]


def as_published(name: str, channels: int, margin: int) -> nn.Sequential:
    """networks.py of VICO-UoE/DatasetCondensation, for 32 pixels, or 28 with a margin of 2."""
    if name == "convnet":
        layers: list[nn.Module] = []
        for padding, before in ((1 + margin, channels), (1, 128), (1, 128)):
            layers += [*block(before, 128, padding), nn.AvgPool2d(2, 2)]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(2048, 10))
    if name == "alexnet":
        return nn.Sequential(
            *(nn.Conv2d(channels, 128, 5, 1, 2 + margin), nn.ReLU(), nn.MaxPool2d(2, 2)),
            *(nn.Conv2d(128, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2, 2)),
            *(nn.Conv2d(192, 256, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(256, 192, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(192, 192, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2)),
            *(nn.Flatten(), nn.Linear(192 * 4 * 4, 10)),
        )
    pool = nn.MaxPool2d(2, 2)
    return nn.Sequential(
        *(*block(channels, 64, 1 + margin), pool, *block(64, 128), pool),
        *(*block(128, 256), *block(256, 256), pool),
        *(*block(256, 512), *block(512, 512), pool),
        *(*block(512, 512), *block(512, 512), pool),
        *(nn.Flatten(), nn.Linear(512, 10)),
    )


@pytest.mark.parametrize(("channels", "resolution"), [(3, 32), (1, 28)])
@pytest.mark.parametrize("name", ["alexnet", "convnet", "vgg11"])
def test_they_are_the_published_networks(name: str, channels: int, resolution: int) -> None:
    network = built(name, channels, resolution)
    other = as_published(name, channels, margin=2 if resolution == 28 else 0)
    other.load_state_dict(dict(zip(other.state_dict(), network.state_dict().values(), strict=True)))
    images = torch.randn(3, channels, resolution, resolution)
    with torch.no_grad():
        torch.testing.assert_close(network(images), other(images))
    assert not list(network.buffers()) and network.batch_norms() == []


@pytest.mark.parametrize(
    ("resolution", "classes", "parameters"),
    # CIFAR-10, CIFAR-100, Tiny-ImageNet, ImageNette and CUB-200-2011.
    [
        (32, 10, 320_010),
        (32, 100, 504_420),
        (64, 200, 857_160),
        (128, 10, 615_690),
        (224, 200, 973_640),
    ],
)
def test_convnet_has_as_many_parameters_as_published(
    resolution: int, classes: int, parameters: int
) -> None:
    network = built("convnet", 3, resolution, classes)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_depth_halves_until_about_four_positions() -> None:
    sizes = {28: 3, 32: 3, 64: 4, 96: 5, 128: 5, 224: 6, 256: 6}
    assert {size: convnet_depth(size) for size in sizes} == sizes
    assert sum(p.numel() for p in built("convnet_d5", 3, 224, 200).parameters()) == 1_849_800


def test_images_of_which_nothing_is_left_are_refused() -> None:
    with pytest.raises(FD2Error, match="24 pixels are pooled 5 times") as refused:
        built("vgg11", 3, 24)
    assert "32 at least" in refused.value.fix


@pytest.mark.parametrize("name", NAMES)
def test_they_run_under_transforms_of_functions(name: str) -> None:
    """Gradients of two classes at once are those of each alone."""
    network = built(name, 3, 32, 2).double()
    weights = dict(network.named_parameters())
    images = torch.randn(2, 3, 3, 32, 32).double()
    labels = torch.tensor([[0, 0, 0], [1, 1, 1]])

    def loss(values: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(functional_call(network, values, (x,)), y)

    together = vmap(grad(loss), (None, 0, 0))(weights, images, labels)
    for position in range(2):
        own = loss(weights, images[position], labels[position])
        alone = torch.autograd.grad(own, list(weights.values()))
        for value, expected in zip(together.values(), alone, strict=True):
            torch.testing.assert_close(value[position], expected)
