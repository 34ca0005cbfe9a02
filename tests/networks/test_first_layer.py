"""Networks of torchvision and timm with the stem for small images, and for one channel."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from fd2.config import plugins
from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.networks.backbone import Backbone
from fd2.networks.formats import on_device
from fd2.networks.stem_gradient import freeze_stem

NAMES = [
    name for name in plugins.names("backbones") if plugins.load("backbones", name).POOLS_FEATURES
]
SMALL = {"stem": "cifar", "resolution": 32}


def built(name: str, initialisation: str = "scratch", **seen: Any) -> Backbone:
    plugin = plugins.load("backbones", name)
    return plugin.build(4, initialisation, seed=3, images=NetworkInput(**seen))


def images(channels: int, size: int = 32) -> torch.Tensor:
    return torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", NAMES)
def test_the_stem_keeps_the_resolution(name: str) -> None:
    network = built(name, **SMALL)
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    assert (first.kernel_size, first.stride, first.padding) == ((3, 3), (1, 1), (1, 1))
    assert not [module for module in network.modules() if isinstance(module, nn.MaxPool2d)]
    outputs = []
    first.register_forward_hook(lambda *seen: outputs.append(seen[2].shape[-1]))
    with torch.no_grad():
        network.eval()
        for channels, size in ((3, 32), (3, 28)):
            features = network.features(images(channels, size))
            assert outputs.pop() == size
            assert features.shape[2] >= 2, "with the stem for photographs one position is left"
            assert network(images(channels, size)).shape == (2, 4)


def test_resnet18_has_a_map_of_four_positions_a_side() -> None:
    network = built("resnet18", **SMALL).eval()
    with torch.no_grad():
        assert network.features(images(3)).shape == (2, 512, 4, 4)
    # That of the public code for CIFAR: 11.17 million for ten classes.
    ten = plugins.load("backbones", "resnet18").build(
        10, "scratch", seed=0, images=NetworkInput(**SMALL)
    )
    assert sum(p.numel() for p in ten.parameters()) == 11_173_962


@pytest.mark.parametrize("stem", ["imagenet", "cifar"])
@pytest.mark.parametrize("name", NAMES)
def test_one_channel_is_taken_and_three_are_not(name: str, stem: str) -> None:
    network = built(name, channels=1, stem=stem).eval()
    with torch.no_grad():
        assert network(images(1, 64)).shape == (2, 4)
        with pytest.raises(RuntimeError):
            network(images(3, 64))


@pytest.mark.parametrize("name", NAMES)
def test_only_the_first_layer_differs_and_follows_the_seed(name: str) -> None:
    usual, small, again = built(name), built(name, **SMALL), built(name, **SMALL)
    first = next(key for key, value in usual.state_dict().items() if value.ndim == 4)
    assert list(usual.state_dict()) == list(small.state_dict())
    for key, value in usual.state_dict().items():
        other = small.state_dict()[key]
        assert torch.equal(other, again.state_dict()[key])
        assert key == first or torch.equal(value, other)


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "tf_efficientnet_lite1"])
def test_one_repeated_channel_is_seen_as_three(name: str) -> None:
    one = built(name, "imagenet_repeated", channels=1).eval()
    three = built(name, "imagenet").eval()
    seen = images(1, 64)
    with torch.no_grad():
        torch.testing.assert_close(
            one(seen), three(seen.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize(
    ("initialisation", "seen", "message", "fix"),
    [
        ("imagenet", {"channels": 1}, "the data have one", "imagenet_repeated"),
        ("imagenet_repeated", {}, "images of 3 channels", "initialisation: imagenet'"),
        ("imagenet", {"stem": "cifar"}, "stem 'cifar'", "stem: imagenet"),
        ("imagenet_repeated", {"stem": "cifar", "channels": 1}, "stem 'cifar'", "scratch"),
    ],
)
@pytest.mark.parametrize("name", ["resnet18", "tf_efficientnet_lite0"])
def test_weights_that_do_not_fit_the_images_are_refused(
    name: str, initialisation: str, seen: dict[str, Any], message: str, fix: str
) -> None:
    with pytest.raises(FD2Error, match=message) as refused:
        built(name, initialisation, **seen)
    assert fix in refused.value.fix and name in refused.value.where


def test_an_unknown_stem_is_refused() -> None:
    with pytest.raises(FD2Error, match="unknown stem 'cifar10'") as refused:
        NetworkInput(stem="cifar10")
    assert "'cifar'" in refused.value.fix


def test_a_frozen_network_of_one_channel_gives_the_same_image_gradient() -> None:
    """The strided stem computes the gradient by phases, also for one channel."""
    network = on_device(built("resnet18", channels=1).eval(), torch.device("cpu"))
    gradients = []
    for _ in range(2):
        leaf = images(1, 64).requires_grad_()
        network(leaf).square().sum().backward()
        gradients.append(leaf.grad)
        freeze_stem(network.requires_grad_(False))
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-6)
