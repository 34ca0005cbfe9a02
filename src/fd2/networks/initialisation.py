"""Fresh weights that depend on a seed and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from fd2.errors import FD2Error, suggest


@contextmanager
def fresh_weights(seed: int) -> Iterator[None]:
    """Draw the default initialisation of modules built inside from a seed in [0, 2**63).

    PyTorch's module constructors know only the global CPU generator: it is seeded here and put back
    on leaving. Generators of other devices are not touched, so build on the CPU.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def check_initialisation(
    backbone: str, initialisation: str, allowed: Sequence[str], weights_file: Path | None
) -> None:
    """Refuse an initialisation that the backbone does not have.

    Raises:
        FD2Error: if the initialisation is not allowed, or if a weights file comes with
            ``scratch``, which would ignore it.
    """
    where = f"backbone {backbone}"
    if initialisation not in allowed:
        raise FD2Error(
            f"unknown initialisation '{initialisation}'", where, suggest(initialisation, allowed)
        )
    if initialisation == "scratch" and weights_file is not None:
        raise FD2Error(
            f"weights file {weights_file} with initialisation 'scratch'",
            where,
            "leave the weights file out, or choose the initialisation that it belongs to",
        )
