"""The batch-norm statistics term of decoupled distillation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Self

import torch
from torch import Tensor, nn

from fd2.errors import FD2Error
from fd2.losses.channel_statistics import channel_statistics
from fd2.networks.formats import at_least_float32


class BatchNormStatistics:
    """Matches the statistics of batch-norm inputs to the layers' running statistics.

    sum over layers l of w_l (||running_var_l - var_l||_2 + ||running_mean_l - mean_l||_2), where
    mean and biased variance are over (N, H, W) of the layer's input, in float32 at least. The
    first layer has weight ``first_multiplier``, the others 1. A context manager: leaving it
    removes the hooks.

    Args:
        layers: in forward order, the one nearest to the image first.
        first_multiplier: >= 0.

    Raises:
        FD2Error: if there is no layer, or one without running statistics.
    """

    def __init__(self, layers: Sequence[nn.BatchNorm2d], first_multiplier: float = 10.0) -> None:
        self._layers = tuple(layers)
        if not layers or any(layer.running_mean is None for layer in layers):
            raise FD2Error(
                "no running statistics to match",
                f"batch-norm term over {len(layers)} layers",
                "use a teacher whose batch-norm layers track running statistics",
            )
        self._widest = max(layer.num_features for layer in layers)
        self._positions = torch.cat(
            [torch.arange(layer.num_features) + i * self._widest for i, layer in enumerate(layers)]
        )
        self._weights = torch.tensor([first_multiplier] + [1.0] * (len(layers) - 1))
        self._seen: dict[int, tuple[Tensor, Tensor]] = {}
        self._handles = [
            layer.register_forward_pre_hook(partial(self._capture, index))
            for index, layer in enumerate(layers)
        ]

    def _capture(self, index: int, _layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._seen[index] = channel_statistics(inputs[0])

    def loss(self) -> Tensor:
        """The scalar loss of the latest forward pass, whose statistics are then forgotten.

        Raises:
            FD2Error: if no forward pass went through all layers since the last call.
        """
        if len(self._seen) != len(self._layers):
            raise FD2Error(
                f"statistics of {len(self._seen)} of {len(self._layers)} batch-norm layers",
                "batch-norm term",
                "run one forward pass of the whole network before each call of loss()",
            )
        seen = [self._seen[index] for index in range(len(self._layers))]
        self._seen.clear()
        variances = torch.cat([variance for variance, _ in seen])
        means = torch.cat([mean for _, mean in seen])
        with torch.no_grad():
            target_variances = torch.cat([_buffer(layer.running_var) for layer in self._layers])
            target_means = torch.cat([_buffer(layer.running_mean) for layer in self._layers])
        return self._norms(torch.stack([target_variances - variances, target_means - means]))

    def _norms(self, differences: Tensor) -> Tensor:
        """Weighted sum of the norms per layer of concatenated differences [2, channels]."""
        # One row per layer, padded with zeros: one kernel for all norms, and a zero gradient
        # where a row is exactly zero.
        if self._positions.device != differences.device:
            self._positions = self._positions.to(differences.device)
            self._weights = self._weights.to(differences.device)
        padded = differences.new_zeros(2, len(self._layers) * self._widest)
        rows = padded.index_copy(1, self._positions, differences)
        norms: Tensor = torch.linalg.vector_norm(
            rows.view(2, len(self._layers), self._widest), dim=2
        )
        return (norms * self._weights).sum()

    def remove(self) -> None:
        """Remove the hooks and forget all statistics."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._seen.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.remove()


def _buffer(statistics: Tensor | None) -> Tensor:
    assert statistics is not None
    return at_least_float32(statistics)
