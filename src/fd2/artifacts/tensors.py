"""Tensors with metadata, as safetensors files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fd2.artifacts.files import (
    atomic_write,
    cannot_read,
    canonical_json,
    damaged,
    diverged,
    not_found,
    parse_json,
)
from fd2.artifacts.identity import signed, verified
from fd2.artifacts.values import number_fault, tensor_fault
from fd2.errors import FD2Error

_KEY = "fd2"
_DIGEST = "metadata_sha256"
_TENSORS = "tensors_sha256"


def write_tensors(
    path: str | Path,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, Any],
    *,
    finite: bool = True,
) -> None:
    """Write tensors and what shaped them, with digests and the artefact's name.

    Equal arguments give equal bytes, so ``metadata`` holds JSON-able facts that do not differ
    between two runs of the same job: settings, digests of inputs, names. Times and versions belong
    into the record beside the file. ``finite`` is False for the state of an optimiser, whose
    moments may overflow.

    Raises:
        FD2Error: if a number is not finite, or one of the metadata is out of its range.
    """
    if fault := number_fault(metadata) or (tensor_fault(tensors) if finite else None):
        raise diverged(path, fault)
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    digests = {name: tensor_digest(tensor) for name, tensor in stored.items()}
    text = canonical_json(signed(path, {**metadata, _TENSORS: digests}, _DIGEST))
    with atomic_write(path) as temporary:
        try:
            save_file(stored, temporary, metadata={_KEY: text})
        except SafetensorError as error:
            # safetensors reports a full disk as an error of its own kind.
            raise OSError(str(error)) from error


def read_metadata(path: str | Path) -> dict[str, Any]:
    """The metadata of a tensor file, without reading its tensors.

    Raises:
        FD2Error: if the file is missing, damaged, or was not written by fd2.
    """
    return read_tensors(path, names=())[1]


def read_tensors(
    path: str | Path, names: tuple[str, ...] | None = None, *, finite: bool = True
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the named tensors, or all, onto the CPU, with the metadata; digests are verified.

    Raises:
        FD2Error: if the file is missing, damaged, lacks a tensor, was not written by fd2, is
            another artefact than its path says, or holds a number as `write_tensors` refuses.
    """
    if not Path(path).is_file():
        raise not_found(path)
    try:
        with safe_open(path, framework="pt") as stream:
            header = stream.metadata() or {}
            stored = stream.keys()
            wanted = stored if names is None else names
            tensors = {name: stream.get_tensor(name) for name in wanted}
    except SafetensorError as error:
        raise damaged(path, str(error)) from error
    except OSError as error:
        raise cannot_read(path, error) from error
    if _KEY not in header:
        raise FD2Error("no fd2 metadata", str(path), "use a file that fd2 wrote")
    facts = verified(path, parse_json(header[_KEY], path), _DIGEST)
    digests = facts.pop(_TENSORS, None)
    if not isinstance(digests, dict) or digests.keys() != set(stored):
        raise damaged(path, "its digests are not of the tensors in it")
    for name, tensor in tensors.items():
        if digests[name] != tensor_digest(tensor):
            raise damaged(path, f"the digest of tensor '{name}' does not fit")
    if fault := number_fault(facts) or (tensor_fault(tensors) if finite else None):
        raise damaged(path, fault)
    return tensors, facts


def mapped_tensor(path: str | Path, name: str) -> Tensor:
    """A tensor of a file that `read_tensors` has verified, from a mapping of its own, on the CPU.

    What was read to verify takes no memory any more; what is looked at now does, in pages of the
    file that the system may drop and read again. Do not write to it.
    """
    with safe_open(path, framework="pt") as stream:
        tensor: Tensor = stream.get_tensor(name)
    return tensor


def tensor_digest(tensor: Tensor) -> str:
    """sha256 of type, shape and bytes of a contiguous tensor on the CPU."""
    digest = hashlib.sha256(f"{tensor.dtype} {list(tensor.shape)}".encode())
    digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
