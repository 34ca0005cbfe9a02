"""A network as a pure function of one vector of all its parameters."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from fd2.artifacts.files import json_digest
from fd2.artifacts.prepared import PreparedDataset
from fd2.config import plugins
from fd2.config.networks import NetworkInput
from fd2.errors import FD2Error
from fd2.networks.backbone import Backbone
from fd2.networks.formats import on_device

_FIX = "take one with instance norm, such as 'convnet'"


class FlatNetwork:
    """Gives logits for any vector of parameters; knows nothing of those that it was made with.

    Distances, masks and files of trajectories are then a line each.

    Args:
        network: without buffers (instance norm, not batch norm), so that its parameters are all
            that a trajectory consists of, and that each image is seen alone.

    Raises:
        FD2Error: if the network has buffers or batch norm; names the first.

    Attributes:
        size: P, the number of scalar parameters.
        sizes: those of each tensor, in the network's order.
        layout: a digest of their names and shapes, by which two networks' vectors are told apart.
    """

    def __init__(self, network: Backbone) -> None:
        for name, _ in network.named_buffers():
            raise FD2Error(
                f"the network has the buffer '{name}', which is no parameter",
                "network of a trajectory",
                _FIX,
            )
        for name, module in network.named_modules():
            if isinstance(module, _BatchNorm):
                what = f"batch norm, '{name}', lets images that are seen together change each other"
                raise FD2Error(what, "network of a trajectory", _FIX)
        self._network = network
        self._shapes = {name: value.shape for name, value in network.named_parameters()}
        self.sizes = [shape.numel() for shape in self._shapes.values()]
        self.size = sum(self.sizes)
        self.layout = json_digest([[name, list(shape)] for name, shape in self._shapes.items()])

    def vector(self) -> Tensor:
        """The parameters that the network itself has now, a copy ``[P]``."""
        return torch.cat([value.detach().flatten() for value in self._network.parameters()])

    def logits(self, vector: Tensor, images: Tensor) -> Tensor:
        """``[n, classes]``, differentiable with respect to both.

        Args:
            vector: ``[P]``.
            images: ``[n, C, H, W]``, normalised.
        """
        pieces = zip(self._shapes.items(), vector.split(self.sizes), strict=True)
        values = {name: piece.view(shape) for (name, shape), piece in pieces}
        logits: Tensor = functional_call(self._network, values, (images,))
        return logits


def flat_network(backbone: str, dataset: PreparedDataset, device: torch.device) -> FlatNetwork:
    """The network of experts and students for images of a dataset.

    Raises:
        FD2Error: as `FlatNetwork`, or if there is no such network for these images.
    """
    seen = NetworkInput(dataset.manifest.channels, dataset.manifest.resolution)
    plugin = plugins.load("backbones", backbone)
    network: Backbone = plugin.build(dataset.num_classes, "scratch", seed=0, images=seen)
    # These networks have instance norm, which is slow in the other order.
    return FlatNetwork(on_device(network, device, "contiguous"))
