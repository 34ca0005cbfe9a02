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
    """The network, changed in place, on ``device`` with its convolution weights in one order.

    ``memory_format`` is ``channels_last`` or ``contiguous`` (channels first); benchmarks/README.md
    says what each costs. Activations follow the weights' order, so images need no conversion.
    """
    return network.to(device).to(memory_format=_ORDERS[memory_format])


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision as float32, for sums also under autocast; other values as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def full_precision(values: Tensor) -> torch.autocast:
    """A context in which autocast is off on the device of ``values``."""
    return torch.autocast(values.device.type, enabled=False)
