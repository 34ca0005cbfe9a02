# Copy to src/fd2/backbones/resnet34.py, under a name of your own.
"""ResNet-34 of torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone

INITIALISATIONS: tuple[str, ...] = ("scratch", "imagenet")


def build(
    num_classes: int, initialisation: str, weights_file: Path | None = None, *, seed: int
) -> Backbone:
    """ResNet-34, D = 512; features after the last block's ReLU.

    Args:
        num_classes: C.
        initialisation: one of `INITIALISATIONS`.
        weights_file: local copy of the official ImageNet weights; None downloads them.
        seed: of all weights that are not loaded.

    Raises:
        FD2Error: for an unknown initialisation or weights that cannot be had.
    """
    from torch import nn
    from torchvision.models import ResNet34_Weights, resnet34

    from fd2.networks import torchvision_weights
    from fd2.networks.backbone import Backbone, cut
    from fd2.networks.initialisation import check_initialisation, fresh_weights

    check_initialisation("resnet34", initialisation, INITIALISATIONS, weights_file)
    weights = ResNet34_Weights.IMAGENET1K_V1 if initialisation == "imagenet" else None
    model = torchvision_weights.build(resnet34, weights, weights_file, seed)
    with fresh_weights(seed):
        head = nn.Linear(512, num_classes)
    children = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
    return Backbone(cut(model, children), head, feature_channels=512)
