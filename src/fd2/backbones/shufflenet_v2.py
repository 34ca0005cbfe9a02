"""ShuffleNetV2 of torchvision, width 0.5."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone

INITIALISATIONS: tuple[str, ...] = ("scratch", "imagenet")


def build(
    num_classes: int, initialisation: str, weights_file: Path | None = None, *, seed: int
) -> Backbone:
    """ShuffleNetV2 x0.5, D = 1024; features after the last convolution's ReLU.

    Args:
        num_classes: C.
        initialisation: one of `INITIALISATIONS`.
        weights_file: local copy of the official ImageNet weights; None downloads them.
        seed: of all weights that are not loaded.

    Raises:
        FD2Error: for an unknown initialisation or weights that cannot be had.
    """
    from torch import nn
    from torchvision.models import ShuffleNet_V2_X0_5_Weights, shufflenet_v2_x0_5

    from fd2.networks import torchvision_weights
    from fd2.networks.backbone import Backbone, cut
    from fd2.networks.initialisation import check_initialisation, fresh_weights

    check_initialisation("shufflenet_v2", initialisation, INITIALISATIONS, weights_file)
    weights = ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1 if initialisation == "imagenet" else None
    model = torchvision_weights.build(shufflenet_v2_x0_5, weights, weights_file, seed)
    with fresh_weights(seed):
        head = nn.Linear(1024, num_classes)
    extractor = cut(model, ("conv1", "maxpool", "stage2", "stage3", "stage4", "conv5"))
    return Backbone(extractor, head, feature_channels=1024)
