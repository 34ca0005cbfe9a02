"""MobileNetV2 of torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone

INITIALISATIONS: tuple[str, ...] = ("scratch", "imagenet")


def build(
    num_classes: int, initialisation: str, weights_file: Path | None = None, *, seed: int
) -> Backbone:
    """MobileNetV2, D = 1280; features after the last ReLU6; the head has dropout 0.2.

    Args:
        num_classes: C.
        initialisation: one of `INITIALISATIONS`.
        weights_file: local copy of the official ImageNet weights; None downloads them.
        seed: of all weights that are not loaded.

    Raises:
        FD2Error: for an unknown initialisation or weights that cannot be had.
    """
    from torch import nn
    from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

    from fd2.networks import torchvision_weights
    from fd2.networks.backbone import Backbone, cut
    from fd2.networks.initialisation import check_initialisation, fresh_weights

    check_initialisation("mobilenet_v2", initialisation, INITIALISATIONS, weights_file)
    weights = MobileNet_V2_Weights.IMAGENET1K_V1 if initialisation == "imagenet" else None
    model = torchvision_weights.build(mobilenet_v2, weights, weights_file, seed)
    with fresh_weights(seed):
        head = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, num_classes))
    extractor = cut(model, ("features",))
    return Backbone(extractor, head, feature_channels=1280)
