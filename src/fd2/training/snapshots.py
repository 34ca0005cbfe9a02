"""Loops that go on from a snapshot, and optimisers and generators as tensors and JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from fd2.runtime.state import LoopState, Snapshot
from fd2.training.finite import FiniteWatch
from fd2.training.mixed_precision import MixedPrecision

Step = TypeVar("Step")


def resumable(
    steps: Iterable[Step],
    watch: FiniteWatch,
    kind: str,
    state: LoopState,
    take: Callable[[int], Snapshot],
    *,
    start: int = 0,
) -> Iterator[tuple[int, Step]]:
    """The steps that remain, numbered from ``start``; between two, a snapshot where one is due.

    The loop's body notes in ``watch`` what it computes. What was not finite is looked for now and
    then, before each snapshot, so that none is of a diverged run, and at the end. ``take`` gives
    the snapshot after so many steps.

    Raises:
        FD2Error: if something was not finite.
        StoppedError: if a signal came; the snapshot is written.
    """

    def snapshot() -> Snapshot:
        watch.check(kind)
        return take(number + 1)

    for number, step in enumerate(steps, start):
        yield number, step
        if watch.due(number):
            watch.check(kind)
        state.checkpoint(snapshot)
    watch.check(kind)


def training_snapshot(
    optimiser: Optimizer,
    precision: MixedPrecision,
    tensors: Mapping[str, Tensor],
    facts: Mapping[str, Any],
) -> Snapshot:
    """An optimiser and its loss scale, with more tensors and facts of the loop."""
    return Snapshot(
        {**tensors, **prefixed("optimiser", optimiser_tensors(optimiser))},
        {
            **facts,
            "optimiser": optimiser.state_dict()["param_groups"],
            "loss_scale": precision.snapshot(),
        },
    )


def restore_training(snapshot: Snapshot, optimiser: Optimizer, precision: MixedPrecision) -> None:
    """Set an optimiser over the same parameters and the loss scale to a `training_snapshot`."""
    tensors = without_prefix("optimiser", snapshot.tensors)
    restore_optimiser(optimiser, tensors, snapshot.facts["optimiser"])
    precision.restore(snapshot.facts["loss_scale"])


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


def restore_optimiser(
    optimiser: Optimizer, tensors: Mapping[str, Tensor], groups: list[dict[str, Any]]
) -> None:
    """Set an optimiser over the same parameters to its tensors and its groups' options."""
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


def generator_facts(generator: np.random.Generator) -> dict[str, Any]:
    """The state of a NumPy generator, plain numbers and words."""
    return dict(generator.bit_generator.state)


def restore_generator(generator: np.random.Generator, facts: Mapping[str, Any]) -> None:
    """Set a NumPy generator of the same kind to a state of `generator_facts`."""
    generator.bit_generator.state = dict(facts)
