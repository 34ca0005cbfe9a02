# Copy to src/fd2/backbones/resnet34.py, under a name of your own.
"""ResNet-34 of torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fd2.config.networks import PHOTOGRAPHS, NetworkInput, check_initialisation

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone

INITIALISATIONS: tuple[str, ...] = ("scratch", "imagenet")


def build(
    num_classes: int,
    initialisation: str,
    weights_file: Path | None = None,
    *,
    seed: int,
    images: NetworkInput = PHOTOGRAPHS,
) -> Backbone:
    """ResNet-34, D = 512; features after the last block's ReLU.

    Args:
        num_classes: C.
        initialisation: one of `INITIALISATIONS`.
        weights_file: local copy of the official ImageNet weights; None downloads them.
        seed: of all weights that are not loaded.
        images: channels, resolution and stem that the network is built for.

    Raises:
        FD2Error: for an unknown initialisation or weights that cannot be had.
    """
    from torch import nn
    from torchvision.models import ResNet34_Weights, resnet34

    from fd2.networks import torchvision_weights
    from fd2.networks.backbone import Backbone, cut
    from fd2.networks.first_layer import fit_first_layer
    from fd2.networks.initialisation import fresh_weights

    check_initialisation("resnet34", INITIALISATIONS, initialisation, images, weights_file)
    trained = initialisation != "scratch"
    weights = ResNet34_Weights.IMAGENET1K_V1 if trained else None
    model = torchvision_weights.build(resnet34, weights, weights_file, seed)
    fit_first_layer(model, images, seed, trained=trained)
    with fresh_weights(seed):
        head = nn.Linear(512, num_classes)
    children = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
    return Backbone(cut(model, children), head, feature_channels=512, classifier="fc")
