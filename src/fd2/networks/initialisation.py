"""Fresh weights that depend on a seed and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def fresh_weights(seed: int) -> Iterator[None]:
    """Draw the default initialisation of modules built inside from a seed in [0, 2**63).

    PyTorch's module constructors know only the global CPU generator: it is seeded here and put back
    on leaving. Generators of other devices are not touched, so build on the CPU.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
