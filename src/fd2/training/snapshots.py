"""Networks, optimisers, schedules and NumPy generators as tensors and JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors as ``{prefix}.{name}``."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `prefixed` renamed, under their first names."""
    start = f"{prefix}."
    return {
        name.removeprefix(start): tensor
        for name, tensor in tensors.items()
        if name.startswith(start)
    }


def optimiser_tensors(optimiser: Optimizer) -> dict[str, Tensor]:
    """Moments and step counts by ``{parameter number}.{name}``.

    Entries that are no tensors (SGD keeps None without momentum) are left out.
    """
    state: Mapping[int, Mapping[str, Any]] = optimiser.state_dict()["state"]
    return {
        f"{number}.{name}": value
        for number, values in state.items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


def optimiser_facts(optimiser: Optimizer) -> list[dict[str, Any]]:
    """Learning rates and all other options of each parameter group."""
    groups: list[dict[str, Any]] = optimiser.state_dict()["param_groups"]
    return groups


def restore_optimiser(
    optimiser: Optimizer, tensors: Mapping[str, Tensor], groups: list[dict[str, Any]]
) -> None:
    """Set an optimiser over the same parameters to what the two functions above returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = tensor
    # JSON has no tuples; Adam's betas are one.
    restored = [
        {key: tuple(value) if key == "betas" else value for key, value in group.items()}
        for group in groups
    ]
    optimiser.load_state_dict({"state": state, "param_groups": restored})
    for parameter, values in optimiser.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                # Files know no memory format; moments follow their weights.
                values[name] = torch.empty_like(parameter).copy_(value)


def network_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers, batch-norm statistics and prototypes included."""
    return dict(network.state_dict())


def generator_facts(generator: np.random.Generator) -> dict[str, Any]:
    """The state of a NumPy generator, plain numbers and words."""
    return dict(generator.bit_generator.state)


def restore_generator(generator: np.random.Generator, facts: Mapping[str, Any]) -> None:
    """Set a NumPy generator of the same kind to a state of `generator_facts`."""
    generator.bit_generator.state = dict(facts)
