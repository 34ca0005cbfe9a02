"""A whole network of timm or torchvision, seen as a backbone: its last map and what follows it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.networks.backbone import Backbone
from fd2.networks.first_layer import fit_first_layer

_INSTEAD = "take a convolutional network, such as resnet18, efficientnet_b0 or convnext_tiny"
#: What libraries' code raises of images that a network is not built for.
_FAULTS = (
    *(AssertionError, AttributeError, IndexError, NotImplementedError),
    *(RuntimeError, TypeError, ValueError),
)


@dataclass(frozen=True)
class Structure:
    """What a forward pass shows of a network.

    Attributes:
        feature_channels: D of the last map.
        averages: whether the map is averaged over its positions, and nothing else is done to it.
        batch_norms: names of the network's batch-norm layers in forward order, those after the map
            last.
    """

    feature_channels: int
    averages: bool
    batch_norms: tuple[str, ...]


class LibraryNetwork(Backbone):
    """A network with all its own layers under their own names; its classifier has C outputs.

    A subclass says where the library's networks have their map. FD² eq. 7 holds of one that
    averages it: ``classify`` then sees nothing but the average.
    """

    #: Of a class of the library, whose methods its subclass here knows.
    network: Any

    def __init__(self, network: nn.Module) -> None:
        nn.Module.__init__(self)
        self.network = network
        self.feature_channels = 0
        self._averages = False
        self._norms: tuple[str, ...] = ()

    def take(self, structure: Structure) -> None:
        """Take over what a forward pass of the same network has shown."""
        self.feature_channels = structure.feature_channels
        self._averages = structure.averages
        self._norms = structure.batch_norms

    def is_map(self, features: object) -> bool:
        """Whether `features` gave channels and positions."""
        return isinstance(features, Tensor) and features.ndim == 4

    @abstractmethod
    def after_map(self, features: Tensor) -> Tensor:
        """The library's own way from the map ``[B, D, h, w]`` to logits ``[B, C]``."""

    @abstractmethod
    def pooled(self, features: Tensor) -> Tensor:
        """What the classifier sees of the map in a network that does not average it, ``[B, E]``."""

    @abstractmethod
    def classifiers(self) -> list[nn.Module]:
        """The layers whose size is the number of classes."""

    def classify(self, features: Tensor) -> Tensor:
        """Feature map [B, D, h, w] to logits z [B, C]."""
        if not self._averages:
            return self.after_map(features)
        # A map of one position is its own average, so that the library's layers see it alone.
        return self.after_map(self.embedding(features)[:, :, None, None])

    def embedding(self, features: Tensor) -> Tensor:
        """Feature map [B, D, h, w] to its average [B, D], or to what the classifier sees."""
        return features.mean(dim=(2, 3)) if self._averages else self.pooled(features)

    def batch_norms(self) -> list[nn.BatchNorm2d]:
        """All batch-norm layers that images meet, in forward order."""
        layers = [self.network.get_submodule(name) for name in self._norms]
        return [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]

    def plain_names(self) -> dict[str, str]:
        """For each name in the state dict that of the library."""
        return {name: name.removeprefix("network.") for name in self.state_dict()}

    def classifier_names(self) -> set[str]:
        """Names in the state dict of what depends on the number of classes."""
        layers = [layer.state_dict(keep_vars=True) for layer in self.classifiers()]
        own = {id(value) for layer in layers for value in layer.values()}
        every = self.state_dict(keep_vars=True)
        return {name for name, value in every.items() if id(value) in own}


def look(build: Callable[[], LibraryNetwork], images: NetworkInput, where: str) -> Structure:
    """What a forward pass of a network without storage shows.

    Args:
        build: makes it for three channels, with the library's own stem.
        images: what it shall take.
        where: the network, for errors.

    Raises:
        FD2Error: if it cannot be built, does not take such images, or gives no map.
    """
    try:
        with torch.device("meta"):
            body = build().to("meta")
            fit_first_layer(body.network, images, 0, trained=False)
    except _FAULTS as error:
        raise FD2Error(f"the network cannot be built: {_said(error)}", where, _INSTEAD) from error
    shape = (2, images.channels, images.resolution, images.resolution)
    met: list[str] = []
    for name, layer in body.network.named_modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_pre_hook(_noted(name, met))
    try:
        with torch.no_grad():
            features = body.eval().features(torch.empty(shape, device="meta"))
    except _FAULTS as error:
        raise FD2Error(
            f"the network does not take images of {images.resolution} pixels with stem "
            f"'{images.stem}': {_said(error)}",
            where,
            f"set the dataset's resolution to one that it takes, or {_INSTEAD}",
        ) from error
    if not body.is_map(features):
        raise without_map(where)
    with torch.no_grad(), _Users(features) as users:
        body.after_map(features)
    return Structure(features.shape[1], users.average_alone(), tuple(dict.fromkeys(met)))


def without_map(where: str) -> FD2Error:
    """The error for a network that is not convolutional to its end."""
    return FD2Error(
        "the network has no last feature map of channels and positions, as convolutional networks "
        "have",
        where,
        _INSTEAD,
    )


def _noted(name: str, met: list[str]) -> Callable[[nn.Module, Any], None]:
    def note(layer: nn.Module, arguments: Any) -> None:
        met.append(name)

    return note


def _said(error: BaseException) -> str:
    """What an error of a library says, or its kind where it says nothing."""
    return str(error).partition("\n")[0] or type(error).__name__


class _Users(TorchDispatchMode):
    """Notes what is computed directly from a tensor."""

    def __init__(self, tensor: Tensor) -> None:
        super().__init__()
        self._tensor = tensor
        self._operations: list[tuple[Any, tuple[Any, ...]]] = []

    def __torch_dispatch__(
        self, operation: Any, types: Any, arguments: tuple[Any, ...] = (), named: Any = None
    ) -> Any:
        if any(argument is self._tensor for argument in arguments):
            self._operations.append((operation, arguments))
        return operation(*arguments, **(named or {}))

    def average_alone(self) -> bool:
        """Whether one operation used the tensor, which averaged its last two axes."""
        if len(self._operations) != 1:
            return False
        operation, arguments = self._operations[0]
        axes = (
            {axis % 4 for axis in arguments[1]} if operation is torch.ops.aten.mean.dim else set()
        )
        return axes == {2, 3}
