"""Networks of torchvision with their official ImageNet weights: any by its name.

The table holds those that were cut at their map before all were.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fd2.backbones._library import LibraryBackbone
from fd2.config.networks import PHOTOGRAPHS, NetworkInput, check_initialisation

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone

_RESNET = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
_SHUFFLENET = ("conv1", "maxpool", "stage2", "stage3", "stage4", "conv5")


@dataclass(frozen=True)
class TorchvisionBackbone:
    """How a network of torchvision is cut at its final feature map.

    Attributes:
        model: torchvision's name; its first ImageNet weights are the official ones.
        features: D.
        children: the network's children up to the final feature map, in forward order.
        classifier: what torchvision calls the head.
        last_relu: whether the features are what a ReLU leaves of the last child's output.
        dropout: of the head.
    """

    model: str
    features: int
    children: tuple[str, ...]
    classifier: str = "fc"
    last_relu: bool = False
    dropout: float = 0.0

    INITIALISATIONS = ("scratch", "imagenet")
    BATCH_NORM = True
    POOLS_FEATURES = True

    @property
    def ORIGIN(self) -> tuple[str, str]:  # noqa: N802
        """Library, and the network's name there."""
        return "torchvision", self.model

    def build(
        self,
        num_classes: int,
        initialisation: str,
        weights_file: Path | None = None,
        *,
        seed: int,
        images: NetworkInput = PHOTOGRAPHS,
    ) -> Backbone:
        """The network for such images with a fresh head; ``seed`` is of all weights not loaded.

        Without a ``weights_file``, the official ImageNet weights are downloaded.

        Raises:
            FD2Error: for an unknown initialisation or weights that cannot be had.
        """
        from torch import nn
        from torchvision import models

        from fd2.networks import torchvision_weights
        from fd2.networks.backbone import Backbone, cut
        from fd2.networks.first_layer import fit_first_layer
        from fd2.networks.initialisation import fresh_weights

        check_initialisation(self.model, self.INITIALISATIONS, initialisation, images, weights_file)
        trained = initialisation != "scratch"
        official = models.get_model_weights(self.model).IMAGENET1K_V1
        weights = official if trained else None
        constructor = models.get_model_builder(self.model)
        model = torchvision_weights.build(constructor, weights, weights_file, seed)
        fit_first_layer(model, images, seed, trained=trained)
        with fresh_weights(seed):
            head: nn.Module = nn.Linear(self.features, num_classes)
        if self.dropout:
            head = nn.Sequential(nn.Dropout(self.dropout), head)
        after = [("relu", nn.ReLU(inplace=True))] if self.last_relu else []
        return Backbone(
            cut(model, self.children, *after),
            head,
            feature_channels=self.features,
            classifier=self.classifier,
        )


BACKBONES = {
    "densenet121": TorchvisionBackbone(
        "densenet121", 1024, ("features",), "classifier", last_relu=True
    ),
    "mobilenet_v2": TorchvisionBackbone(
        "mobilenet_v2", 1280, ("features",), "classifier", dropout=0.2
    ),
    "resnet18": TorchvisionBackbone("resnet18", 512, _RESNET),
    "resnet50": TorchvisionBackbone("resnet50", 2048, _RESNET),
    # Width 0.5, FD²'s.
    "shufflenet_v2": TorchvisionBackbone("shufflenet_v2_x0_5", 1024, _SHUFFLENET),
    "shufflenet_v2_x1_0": TorchvisionBackbone("shufflenet_v2_x1_0", 1024, _SHUFFLENET),
}


def of_library(name: str, model: str) -> LibraryBackbone:
    """The plug-in of a network of torchvision that is not in the table."""
    return LibraryBackbone(name, "torchvision", model)
