"""Detectors of torchvision by their names there: from scratch, with COCO's weights, or stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights

from fd2.artifacts.tensors import read_tensors
from fd2.config.detection import DetectorSettings
from fd2.config.settings import build
from fd2.config.weights_files import FILE, WeightsFile, check_weights_file
from fd2.errors import FD2Error
from fd2.networks.initial_weights import read_state
from fd2.networks.initialisation import fresh_weights
from fd2.networks.torchvision_weights import official_state

_COCO = 91
#: Of frozen batch norm, torchvision takes the epsilon out where it loads these weights.
_WITHOUT_EPSILON = ("fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn")
_COUNTER = "num_batches_tracked"


def fresh_detector(settings: DetectorSettings, categories: int, seed: int) -> nn.Module:
    """A detector of so many categories and the background, its weights drawn from ``seed``.

    Raises:
        FD2Error: if ImageNet's weights of the backbone cannot be fetched.
    """
    of_backbone = None
    if settings.backbone_weights != "none":
        # Of VGG those that SSD's own normalisation goes with.
        features = settings.network == "ssd300_vgg16"
        of_backbone = "IMAGENET1K_FEATURES" if features else "IMAGENET1K_V1"
    sizes = {"min_size": settings.min_size, "max_size": settings.max_size}
    given: dict[str, Any] = {key: value for key, value in sizes.items() if value is not None}
    try:
        with fresh_weights(seed):
            return get_model(
                settings.network,
                weights=None,
                weights_backbone=of_backbone,
                num_classes=categories + 1,
                **given,
            )
    except (URLError, OSError) as error:
        raise FD2Error(
            f"ImageNet's weights of the backbone could not be fetched: {error}",
            settings.network,
            "connect to the network, or set 'backbone_weights: none'",
        ) from error


def coco_detector(
    network: str, weights_file: WeightsFile | None
) -> tuple[nn.Module, tuple[str, ...]]:
    """A detector with torchvision's first COCO weights, as torchvision builds it.

    Args:
        network: one of `fd2.config.detection.NETWORKS`.
        weights_file: with these weights; None to download them, which checks their digest.

    Returns:
        The detector, and the name of the category of each of its outputs; of some it is ``N/A``,
        and of the first the background.

    Raises:
        FD2Error: if the weights cannot be had, or are of another network.
    """
    weights = next(iter(get_model_weights(network)))
    detector: nn.Module = get_model(network, weights=None, weights_backbone=None, num_classes=_COCO)
    if weights_file is None:
        where, state = weights.url, official_state(weights, None)
    else:
        where = weights_file.path
        check_weights_file(FILE, vars(weights_file), network)
        state = dict(read_state(Path(weights_file.path), weights_file.sha256))
    _load(detector, state, where)
    if network in _WITHOUT_EPSILON:
        for layer in detector.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps = 0.0
    return detector, tuple(weights.meta["categories"])


def _load(detector: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Weights of frozen batch norm count no batches, which matters to none that is not trained."""
    try:
        missing, strange = detector.load_state_dict(state, strict=False)
    except RuntimeError as error:
        missing, strange = [str(error).splitlines()[-1].strip()], []
    missing = [name for name in missing if not name.endswith(_COUNTER)]
    if missing or strange:
        named = ", ".join([*missing, *strange][:3])
        fix = "give torchvision's own COCO weights of this network"
        raise FD2Error(f"the weights are of another network: {named}", where, fix)


def stored_detector(path: Path) -> tuple[nn.Module, tuple[str, ...]]:
    """A detector trained here, and the name of the category of each of its outputs.

    Raises:
        FD2Error: if the file is missing or damaged.
    """
    state, facts = read_tensors(path)
    settings = build(DetectorSettings, facts["settings"]["training"])
    names = tuple(facts["categories"])
    detector = fresh_detector(settings, len(names), seed=0)
    _load(detector, state, str(path))
    return detector, ("__background__", *names)


@torch.no_grad()
def seen_by(
    detector: nn.Module, pictures: list[Tensor], device: torch.device
) -> list[dict[str, Tensor]]:
    """Boxes, labels and scores of each image uint8 ``[3, H, W]``, as torchvision returns them.

    Boxes are in pixels of the image itself, and inside of it, whatever size the detector sees.
    """
    detector.eval()
    found: list[dict[str, Tensor]] = detector([picture.to(device) / 255 for picture in pictures])
    return found
