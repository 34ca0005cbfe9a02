"""Networks of timm by their names there, with the weights that timm knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import timm
from timm.models import get_pretrained_cfg, is_model_pretrained
from torch import Tensor, nn

from fd2.errors import FD2Error
from fd2.networks.network_of_library import LibraryNetwork


class TimmNetwork(LibraryNetwork):
    """Its map is what timm calls features, if these have the network's channels second."""

    def features(self, images: Tensor) -> Tensor:
        """Images [B, K, H, W] to the feature map [B, D, h, w]; of others what timm gives."""
        features: Tensor = self.network.forward_features(images)
        return features

    def is_map(self, features: object) -> bool:
        """Not of a network whose maps have their channels last."""
        channels = features.shape[1] if isinstance(features, Tensor) else 0
        return super().is_map(features) and channels == self.network.num_features

    def after_map(self, features: Tensor) -> Tensor:
        """Map [B, D, h, w] to logits [B, C]."""
        logits: Tensor = self.network.forward_head(features)
        return logits

    def pooled(self, features: Tensor) -> Tensor:
        """Map [B, D, h, w] to what the classifier sees, [B, E]."""
        seen: Tensor = self.network.forward_head(features, pre_logits=True)
        return seen.flatten(1)

    def classifiers(self) -> list[nn.Module]:
        """One layer, or two of a distilled network."""
        found = self.network.get_classifier()
        return list(found) if isinstance(found, tuple) else [found]


def has_weights(model: str) -> bool:
    """Whether timm knows trained weights of a network."""
    return bool(is_model_pretrained(model))


def resolution(model: str) -> int:
    """Height and width that timm's settings of a network name."""
    settings = get_pretrained_cfg(model)
    return 224 if settings is None else int(settings.input_size[-1])


def create(model: str, num_classes: int) -> TimmNetwork:
    """The network for three channels, with timm's fresh weights."""
    return TimmNetwork(timm.create_model(model, pretrained=False, num_classes=num_classes))


def create_trained(model: str, num_classes: int, weights_file: Path | None) -> TimmNetwork:
    """The network for three channels with the weights that timm takes first; a fresh classifier.

    Raises:
        FD2Error: if they cannot be had.
    """
    return TimmNetwork(trained_network(model, num_classes, weights_file))


def trained_network(
    model: str, num_classes: int, weights_file: Path | None, **built: Any
) -> nn.Module:
    """A network of timm with trained weights; ``built`` are arguments of its constructor.

    timm downloads the weights, from Hugging Face, or reads a local copy.

    Raises:
        FD2Error: if they cannot be had.
    """
    # The HTTP library that timm's downloads use differs between versions of theirs.
    from huggingface_hub.errors import HTTPError

    local = None if weights_file is None else {"file": str(weights_file)}
    try:
        network: nn.Module = timm.create_model(
            model, pretrained=True, num_classes=num_classes, pretrained_cfg_overlay=local, **built
        )
    except (URLError, OSError, RuntimeError, HTTPError) as error:
        raise FD2Error(
            f"trained weights could not be fetched: {error}",
            f"{model} of timm",
            "connect to the network, or fetch the file elsewhere and give it as 'weights_file'",
        ) from error
    return network
