"""Number formats and memory layouts of networks."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

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


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision as float32, for sums also under autocast; other values as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def full_precision(values: Tensor) -> torch.autocast:
    """A context in which autocast is off on the device of ``values``."""
    return torch.autocast(values.device.type, enabled=False)
