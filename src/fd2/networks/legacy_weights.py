"""The only place that reads weights from a PyTorch checkpoint, and only one whose hash is known."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch._weights_only_unpickler import UnpicklingError

from fd2.errors import FD2Error

# PyTorch's file names carry the first 8 digits of the hash; fewer would prove nothing.
MINIMUM_HASH_DIGITS = 8


def load(path: Path, sha256: str) -> dict[str, Tensor]:
    """Read a state dict from a checkpoint without unpickling arbitrary objects.

    ``sha256`` is the file's in hexadecimal, or at least its first 8 digits. Parameters and buffers,
    by name, are on the CPU, in the file's order. A training script's checkpoint may hold them under
    ``state_dict`` or ``model``.

    Raises:
        FD2Error: if the file is missing, its hash differs, or it holds other than tensors and plain
            values.
        ValueError: if ``sha256`` has fewer than 8 digits.
    """
    if len(sha256) < MINIMUM_HASH_DIGITS:
        raise ValueError(f"sha256 '{sha256}' has fewer than {MINIMUM_HASH_DIGITS} digits")
    if not path.is_file():
        raise FD2Error("missing weights file", str(path), "give the path of an existing file")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if not digest.startswith(sha256):
        raise FD2Error(
            f"weights file with SHA-256 {digest} instead of {sha256}",
            str(path),
            "fetch the file again from its official source",
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, ValueError, EOFError) as error:
        raise FD2Error(
            f"no file of torch.save with tensors alone: {str(error).partition(chr(10))[0]}",
            str(path),
            "store the network's state dict: torch.save(network.state_dict(), path)",
        ) from error
    if not isinstance(state, Mapping):
        state = {}
    for key in ("state_dict", "model"):
        if isinstance(state.get(key), Mapping):
            state = state[key]
    return {name: value for name, value in state.items() if isinstance(value, Tensor)}


def load_in_order(module: nn.Module, state: dict[str, Tensor], where: str) -> None:
    """Copy a state dict with other names into ``module``, entry by entry in order.

    It has as many entries as the module's, in the same order, with equal shapes and equal last name
    parts (``weight``, ``running_mean`` and so on).

    Raises:
        FD2Error: if a count, a shape or a last name part differs.
    """
    target = module.state_dict()
    fix = "use the weights of the same architecture"
    if len(target) != len(state):
        raise FD2Error(f"{len(state)} tensors instead of {len(target)}", where, fix)
    for (name, value), (source_name, source) in zip(target.items(), state.items(), strict=True):
        same_kind = name.rpartition(".")[2] == source_name.rpartition(".")[2]
        if not same_kind or value.shape != source.shape:
            raise FD2Error(
                f"tensor '{source_name}' {list(source.shape)} does not fit "
                f"'{name}' {list(value.shape)}",
                where,
                fix,
            )
    module.load_state_dict(dict(zip(target, state.values(), strict=True)))
