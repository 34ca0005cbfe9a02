"""Random generators derived from names, so that the order of jobs cannot matter."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch


def seed_from(*names: object) -> int:
    """A seed in [0, 2**63) that depends on the ``str`` of every name and on nothing else."""
    text = "\x1f".join(str(name) for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(*names: object) -> np.random.Generator:
    """A NumPy generator seeded from ``names`` (see `seed_from`)."""
    import numpy as np

    return np.random.default_rng(seed_from(*names))


def torch_generator(*names: object) -> torch.Generator:
    """A CPU torch generator seeded from ``names`` (see `seed_from`)."""
    import torch

    return torch.Generator().manual_seed(seed_from(*names))
