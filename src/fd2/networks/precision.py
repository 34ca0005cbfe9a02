"""Statistics and losses accumulate in float32 at least, also under autocast."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Float16 and bfloat16 become float32; float32 and float64 stay as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def full_precision(values: Tensor) -> torch.autocast:
    """A context in which autocast is off on the device of ``values``."""
    return torch.autocast(values.device.type, enabled=False)
