"""Where a network's weights live, and in which order."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def on_device(network: Network, device: torch.device) -> Network:
    """The network on ``device`` with channels-last convolution weights.

    Activations follow the weights' order, so images need no conversion. Depthwise networks take a
    third less time on a CPU than with channels first, and dense ones about the same.
    """
    return network.to(device).to(memory_format=torch.channels_last)
