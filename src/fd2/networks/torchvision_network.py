"""Networks of torchvision by their names there, with their official ImageNet weights."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision import models

from fd2.networks.loaded_weights import load_weights
from fd2.networks.network_of_library import LibraryNetwork, without_map
from fd2.networks.torchvision_weights import official_state

#: Classes whose children, in their order, make the map, and then come the parts of `_HEAD`.
_CHAINED = (
    *(models.AlexNet, models.ConvNeXt, models.DenseNet, models.EfficientNet, models.GoogLeNet),
    *(models.Inception3, models.MNASNet, models.MobileNetV2, models.MobileNetV3, models.RegNet),
    *(models.ResNet, models.ShuffleNetV2, models.SqueezeNet, models.VGG),
)
_HEAD = ("avgpool", "dropout", "fc", "classifier")
#: Networks with second classifiers, which are left out: they help to train alone.
_WITH_AUXILIARY = ("googlenet", "inception_v3")


class TorchvisionNetwork(LibraryNetwork):
    """Its map is what the last child before pooling and classifier gives."""

    def features(self, images: Tensor) -> Tensor:
        """Images [B, K, H, W] to the feature map [B, D, h, w], after the last activation."""
        network = self.network
        if isinstance(network, models.GoogLeNet | models.Inception3):
            images = network._transform_input(images)
        for name, child in network.named_children():
            if name not in _HEAD:
                images = child(images)
        return images.relu() if isinstance(network, models.DenseNet) else images

    def after_map(self, features: Tensor) -> Tensor:
        """Map [B, D, h, w] to logits [B, C]."""
        head = [child for name, child in self.network.named_children() if name in _HEAD]
        if isinstance(self.network, models.SqueezeNet):
            logits: Tensor = head[0](features)
            return logits.flatten(1)
        pooled = self._pooled_map(features)
        # The classifier of ConvNeXt normalises maps, and flattens them itself.
        layers = [layer for layer in head if not _pools(layer)]
        seen = pooled if isinstance(self.network, models.ConvNeXt) else pooled.flatten(1)
        return nn.Sequential(*layers)(seen)

    def pooled(self, features: Tensor) -> Tensor:
        """Map [B, D, h, w] to what the classifier sees, [B, E]."""
        return self._pooled_map(features).flatten(1)

    def _pooled_map(self, features: Tensor) -> Tensor:
        pool = getattr(self.network, "avgpool", None)
        if pool is None:
            return features.mean(dim=(2, 3), keepdim=True)
        pooled: Tensor = pool(features)
        return pooled

    def classifiers(self) -> list[nn.Module]:
        """The last layer, which has the head's weights."""
        sized = (nn.Linear, nn.Conv2d)
        found: list[nn.Module] = [m for m in self.network.modules() if isinstance(m, sized)]
        return found[-1:]


def _pools(layer: nn.Module) -> bool:
    return isinstance(layer, nn.AdaptiveAvgPool2d)


def has_weights(model: str) -> bool:
    """Whether there are official weights of a network."""
    return len(models.get_model_weights(model)) > 0


def resolution(model: str) -> int:
    """Height and width that every network of torchvision takes."""
    return 299 if model == "inception_v3" else 224


def create(model: str, num_classes: int) -> TorchvisionNetwork:
    """The network for three channels, with torchvision's fresh weights.

    Raises:
        FD2Error: if it is none of the convolutional ones.
    """
    # Without the word torchvision warns, and draws as with it.
    drawn = {"aux_logits": False, "init_weights": True} if model in _WITH_AUXILIARY else {}
    # RegNet computes its widths with tensors, and reads them: they cannot be without storage.
    with torch.device("cpu") if model.startswith("regnet") else nullcontext():
        network = models.get_model(model, weights=None, num_classes=num_classes, **drawn)
    if not isinstance(network, _CHAINED):
        raise without_map(f"{model} of torchvision")
    return TorchvisionNetwork(network)


def create_trained(model: str, num_classes: int, weights_file: Path | None) -> TorchvisionNetwork:
    """The network for three channels with its first official weights; a fresh classifier.

    Raises:
        FD2Error: if they cannot be had.
    """
    body = create(model, num_classes)
    weights = next(iter(models.get_model_weights(model)))
    load_weights(body, official_state(weights, weights_file), weights.url)
    if model in _WITH_AUXILIARY:
        # Their weights are of images normalised otherwise, and they convert them.
        body.network.transform_input = True
    return body
