"""SGD whose steps a flag on the device allows or not, without waiting for the device."""

from __future__ import annotations

import torch
from torch import Tensor


class GatedSGD:
    """SGD with momentum of one tensor, as `torch.optim.SGD` computes it.

    Args:
        value: the tensor before the first step; it is copied.
        learning_rate: of the steps.
        momentum: in [0, 1).

    Attributes:
        value: the tensor now.
        velocity: what momentum keeps, of the same shape.
    """

    def __init__(self, value: Tensor, learning_rate: float, momentum: float) -> None:
        self.value = value.detach().clone()
        self.velocity = torch.zeros_like(self.value)
        self._learning_rate = learning_rate
        self._momentum = momentum

    def step(self, gradient: Tensor, allowed: Tensor) -> None:
        """Go down the gradient where ``allowed``, a boolean scalar; else nothing changes."""
        velocity = self._momentum * self.velocity + gradient
        moved = self.value - self._learning_rate * velocity
        self.velocity = torch.where(allowed, velocity, self.velocity)
        self.value = torch.where(allowed, moved, self.value)

    def tensors(self) -> dict[str, Tensor]:
        """What a snapshot holds."""
        return {"value": self.value, "velocity": self.velocity}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from `tensors`."""
        self.value = tensors["value"].to(self.value.device)
        self.velocity = tensors["velocity"].to(self.velocity.device)
