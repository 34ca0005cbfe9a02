"""Half precision in the networks of a step; what is optimised and losses stay in float32."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

import torch
from torch import Tensor
from torch.optim import Optimizer


class MixedPrecision:
    """Autocast for forward passes, and loss scaling where float16 would underflow.

    A step whose scaled gradients overflow is left out and the scale is halved; the learning rate's
    schedule and the teachers' turns go on, as in FADRM's and FD²'s released code. Without a half
    type every call is the plain one, to the last bit.

    A step is any number of `backward` calls, whose gradients add up, and one `step`.

    Args:
        device: its type, ``cuda`` or ``cpu``.
        half: type that matrix products and convolutions compute in, or None for none. float16
            gets loss scaling; bfloat16 has float32's range and needs none.
    """

    def __init__(self, device: str, half: torch.dtype | None) -> None:
        self._device = device
        self._half = half
        self._scaler = torch.amp.GradScaler(device, enabled=half == torch.float16)

    @property
    def skips_overflows(self) -> bool:
        """Whether steps with overflowing gradients are left out."""
        return bool(self._scaler.is_enabled())

    def fix(self, section: str) -> str:
        """What to do where a network in training does not stay finite, by a section of the config.

        An overflow in the forward pass is an error with loss scaling too: unlike one of the
        gradients, it stays in the running statistics of batch norm.
        """
        lower = f"lower '{section}.learning_rate'"
        if not self.skips_overflows:
            return lower
        return f"{lower}, or set '{section}.mixed_precision: false', as float16 ends at 65504"

    def autocast(self) -> AbstractContextManager[None]:
        """The context of a forward pass."""
        return torch.autocast(self._device, dtype=self._half, enabled=self._half is not None)

    def backward(self, loss: Tensor) -> None:
        """Add the scaled gradients of a scalar loss; they must be cleared before a step's first."""
        self._scaler.scale(loss).backward()

    def step(self, optimiser: Optimizer) -> None:
        """One optimiser step along the gradients, without their scale, unless they overflowed."""
        self._scaler.step(optimiser)
        self._scaler.update()

    def snapshot(self) -> dict[str, float]:
        """The state of the loss scaling; empty without one."""
        return dict(self._scaler.state_dict())

    def restore(self, facts: Mapping[str, float]) -> None:
        """Set the loss scaling to what `snapshot` returned."""
        if facts:
            self._scaler.load_state_dict(dict(facts))


def precision_on(device: torch.device, mixed: bool) -> MixedPrecision:
    """Where ``mixed``, float16 on CUDA as FADRM released it, bfloat16 on other devices."""
    half = torch.float16 if device.type == "cuda" else torch.bfloat16
    return MixedPrecision(device.type, half if mixed else None)
