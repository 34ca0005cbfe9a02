"""The networks of dataset condensation, for images of about 32 pixels: no batch norm, no buffers.

Source: the code of DC, DSA and DM, https://github.com/VICO-UoE/DatasetCondensation, networks.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fd2.config.networks import PHOTOGRAPHS, NetworkInput, check_initialisation
from fd2.errors import FD2Error

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone

_POOL = 0
_CONVNET_WIDTH = 128
_SMALLEST_MAP = 4
_MNIST, _CIFAR = 28, 32


@dataclass(frozen=True)
class SmallImageNetwork:
    """Convolutions of stride 1 and 2×2 pooling; the last map is flattened, then one linear layer.

    They are built for a resolution. Their stem is that of small images in any case.

    Attributes:
        name: the backbone's.
        layers: output channels of each convolution, and 0 for each pooling, by resolution.
        kernels: of the first convolutions; the others are 3×3.
        instance_norm: after each convolution, with weight and bias (a group norm of one channel a
            group).
        pooling: ``mean`` or ``max``.
    """

    name: str
    layers: Callable[[int], tuple[int, ...]]
    kernels: tuple[int, ...] = ()
    instance_norm: bool = True
    pooling: str = "max"

    INITIALISATIONS = ("scratch",)
    BATCH_NORM = False
    POOLS_FEATURES = False

    def build(
        self,
        num_classes: int,
        initialisation: str,
        weights_file: Path | None = None,
        *,
        seed: int,
        images: NetworkInput = PHOTOGRAPHS,
    ) -> Backbone:
        """The network for images of one resolution, with torch's initial weights.

        Raises:
            FD2Error: for an initialisation other than ``scratch``.
        """
        from torch import nn

        from fd2.networks.backbone import Backbone
        from fd2.networks.initialisation import fresh_weights

        check_initialisation(self.name, self.INITIALISATIONS, initialisation, images, weights_file)
        self.check(images)
        margin = _margin(images.resolution)
        pool = nn.AvgPool2d(2) if self.pooling == "mean" else nn.MaxPool2d(2)
        modules: list[nn.Module] = []
        channels, kernels = images.channels, list(self.kernels)
        with fresh_weights(seed):
            for width in self.layers(images.resolution):
                if width == _POOL:
                    modules.append(pool)
                    continue
                kernel = kernels.pop(0) if kernels else 3
                modules.append(nn.Conv2d(channels, width, kernel, padding=kernel // 2 + margin))
                if self.instance_norm:
                    modules.append(nn.GroupNorm(width, width))
                modules.append(nn.ReLU(inplace=True))
                channels, margin = width, 0
            head = nn.Linear(channels * self._map_size(images) ** 2, num_classes)
        return Backbone(nn.Sequential(*modules), head, feature_channels=channels, flattens=True)

    def check(self, images: NetworkInput) -> None:
        """Refuse images of which pooling leaves nothing.

        Raises:
            FD2Error: names the least resolution.
        """
        if self._map_size(images) == 0:
            poolings = self.layers(images.resolution).count(_POOL)
            raise FD2Error(
                f"images of {images.resolution} pixels are pooled {poolings} times",
                f"backbone {self.name}",
                f"set the dataset's resolution to {2**poolings} at least, or take 'convnet'",
            )

    def _map_size(self, images: NetworkInput) -> int:
        """Height and width of the last map."""
        poolings = self.layers(images.resolution).count(_POOL)
        return (images.resolution + 2 * _margin(images.resolution)) >> poolings


def _margin(resolution: int) -> int:
    """Pixels of zeros on each side: images of MNIST are seen as if they had 32."""
    return (_CIFAR - _MNIST) // 2 if resolution == _MNIST else 0


def _convnet(depth: int | None = None) -> SmallImageNetwork:
    """ConvNet: blocks of convolution, instance norm, ReLU and average pooling, 128 channels."""

    def layers(resolution: int) -> tuple[int, ...]:
        return (_CONVNET_WIDTH, _POOL) * (depth or convnet_depth(resolution))

    name = "convnet" if depth is None else f"convnet_d{depth}"
    return SmallImageNetwork(name, layers, pooling="mean")


def convnet_depth(resolution: int) -> int:
    """Blocks until the map has about 4×4 positions: 3 at 28 and 32 pixels, 5 at 128, 6 at 224."""
    return max(1, round(math.log2(resolution / _SMALLEST_MAP)))


def _always(*layers: int) -> Callable[[int], tuple[int, ...]]:
    return lambda resolution: layers


BACKBONES = {
    # Features at 32 pixels: 192 of 4×4.
    "alexnet": SmallImageNetwork(
        "alexnet",
        _always(128, _POOL, 192, _POOL, 256, 192, 192, _POOL),
        kernels=(5, 5),
        instance_norm=False,
    ),
    "convnet": _convnet(),
    # Five blocks at any resolution, as some papers have it at 224 pixels.
    "convnet_d5": _convnet(5),
    # Features at 32 pixels: 512 of 1×1.
    "vgg11": SmallImageNetwork(
        "vgg11",
        _always(64, _POOL, 128, _POOL, 256, 256, _POOL, 512, 512, _POOL, 512, 512, _POOL),
    ),
}
