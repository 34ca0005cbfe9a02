"""DenseNet-121 of torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone

INITIALISATIONS: tuple[str, ...] = ("scratch", "imagenet")


def build(
    num_classes: int, initialisation: str, weights_file: Path | None = None, *, seed: int
) -> Backbone:
    """DenseNet-121, D = 1024; features after the ReLU that follows the last batch norm.

    Args:
        num_classes: C.
        initialisation: one of `INITIALISATIONS`.
        weights_file: local copy of the official ImageNet weights; None downloads them.
        seed: of all weights that are not loaded.

    Raises:
        FD2Error: for an unknown initialisation or weights that cannot be had.
    """
    from torch import nn
    from torchvision.models import DenseNet121_Weights, densenet121

    from fd2.networks import torchvision_weights
    from fd2.networks.backbone import Backbone, cut
    from fd2.networks.initialisation import check_initialisation, fresh_weights

    check_initialisation("densenet121", initialisation, INITIALISATIONS, weights_file)
    weights = DenseNet121_Weights.IMAGENET1K_V1 if initialisation == "imagenet" else None
    model = torchvision_weights.build(densenet121, weights, weights_file, seed)
    with fresh_weights(seed):
        head = nn.Linear(1024, num_classes)
    extractor = cut(model, ("features",), ("relu", nn.ReLU(inplace=True)))
    return Backbone(extractor, head, feature_channels=1024)
