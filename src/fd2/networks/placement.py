"""Where a network's weights live, and in which order."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)
_ORDERS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


def on_device(
    network: Network, device: torch.device, memory_format: str = "channels_last"
) -> Network:
    """The network on ``device`` with its convolution weights in one order.

    Activations follow the weights' order, so images need no conversion. benchmarks/README.md says
    what each order costs.

    Args:
        network: changed in place.
        device: where it computes.
        memory_format: ``channels_last`` or ``contiguous`` (channels first).
    """
    return network.to(device).to(memory_format=_ORDERS[memory_format])
