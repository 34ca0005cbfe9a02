"""ResNet-10-T of timm, for small images and quick trials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone

INITIALISATIONS: tuple[str, ...] = ("scratch",)


def build(
    num_classes: int, initialisation: str, weights_file: Path | None = None, *, seed: int
) -> Backbone:
    """ResNet-10-T, D = 512; features after the last block's ReLU.

    Args:
        num_classes: C.
        initialisation: one of `INITIALISATIONS`.
        weights_file: must be None: there are no weights to load.
        seed: of all weights.

    Raises:
        FD2Error: for an unknown initialisation or a weights file.
    """
    import timm
    from torch import nn

    from fd2.networks.backbone import Backbone, cut
    from fd2.networks.initialisation import check_initialisation, fresh_weights

    check_initialisation("resnet10t", initialisation, INITIALISATIONS, weights_file)
    with fresh_weights(seed):
        model = timm.create_model("resnet10t", pretrained=False)
        head = nn.Linear(512, num_classes)
    children = ("conv1", "bn1", "act1", "maxpool", "layer1", "layer2", "layer3", "layer4")
    return Backbone(cut(model, children), head, feature_channels=512)
