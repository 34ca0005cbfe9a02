"""torchvision networks with their official ImageNet weights."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

from torch import Tensor, nn
from torchvision.models import WeightsEnum, get_model_weights

from fd2.errors import FD2Error
from fd2.networks import legacy_weights
from fd2.networks.initialisation import fresh_weights


def build(
    constructor: Callable[..., nn.Module],
    weights: WeightsEnum | None,
    weights_file: Path | None,
    seed: int,
) -> nn.Module:
    """Build a torchvision network, its fresh weights drawn from ``seed``.

    ``weights`` are the official ones, or None for a network from scratch. They are read from the
    local ``weights_file``, or downloaded if that is None.

    Raises:
        FD2Error: if the weights cannot be fetched or their hash differs.
    """
    with fresh_weights(seed):
        model = constructor(weights=None)
    if weights is not None:
        model.load_state_dict(official_state(weights, weights_file))
    return model


def imagenet_state(model: str) -> dict[str, Tensor]:
    """Official ImageNet weights of a model of torchvision, with their classifier.

    Raises:
        FD2Error: if they cannot be had.
    """
    return official_state(next(iter(get_model_weights(model))), None)


def modern_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename ``norm.1.weight`` to ``norm1.weight``: old DenseNet files have dots there."""
    return {
        re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", name): value
        for name, value in state.items()
    }


def official_state(weights: WeightsEnum, weights_file: Path | None) -> dict[str, Tensor]:
    """Official weights under the present names, from a local file or downloaded.

    Raises:
        FD2Error: if the weights cannot be fetched or their hash differs.
    """
    url: str = weights.url
    if weights_file is not None:
        hash_digits = url.rpartition("-")[2].removesuffix(".pth")
        return modern_names(legacy_weights.load(weights_file, hash_digits))
    try:
        return modern_names(dict(weights.get_state_dict(progress=False, check_hash=True)))
    except (URLError, OSError, RuntimeError) as error:
        raise FD2Error(
            f"pretrained weights could not be fetched: {error}",
            url,
            "connect to the network, or fetch the file elsewhere and give it as weights file",
        ) from error
