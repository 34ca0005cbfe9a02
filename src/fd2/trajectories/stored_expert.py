"""Experts written to a file, and read back for the network and the data that they are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fd2.artifacts.files import damaged
from fd2.artifacts.records import parsing
from fd2.artifacts.tensors import mapped_tensor, read_tensors, write_tensors
from fd2.config.experts import STAGE
from fd2.errors import FD2Error
from fd2.trajectories.flat_network import FlatNetwork

_WEIGHTS = "weights"
_LAYOUT = "layout"


@dataclass(frozen=True)
class StoredExpert:
    """An expert as its file holds it.

    Attributes:
        weights: parameters before training and after each epoch, float32 ``[epochs + 1, P]`` on the
            CPU, in the order of `FlatNetwork`. Of a file that was read, mapped: epochs that nobody
            looks at take no memory.
        metadata: what shaped it, ``backbone``, ``classes`` (C), ``mean``, ``std``, and the fields
            of `fd2.config.networks.NetworkInput`.
    """

    weights: Tensor
    metadata: dict[str, Any]

    @property
    def epochs(self) -> int:
        """Epochs that it was trained."""
        return len(self.weights) - 1


def write_expert(
    path: str | Path, weights: Tensor, network: FlatNetwork, metadata: Mapping[str, Any]
) -> None:
    """Write an expert's parameters ``[epochs + 1, P]``, with the layout of their network.

    The metadata are those of `StoredExpert`.

    Raises:
        FD2Error: if a parameter is not finite.
    """
    write_tensors(path, {_WEIGHTS: weights}, {**metadata, _LAYOUT: network.layout})


def read_expert(path: str | Path, network: FlatNetwork, manifest: str) -> StoredExpert:
    """Read an expert of a network and of prepared data.

    Args:
        path: the file.
        network: that the parameters are to be of.
        manifest: digest of the data's manifest.

    Raises:
        FD2Error: if the file is missing, damaged, no expert, or one of another network or of other
            data.
    """
    tensors, metadata = read_tensors(path)
    if metadata.get("stage") != STAGE:
        raise FD2Error("not an expert", str(path), "give a file below results/trajectories")
    with parsing(path):
        weights, trained_on = tensors[_WEIGHTS], str(metadata["manifest"])
        kind = f"'{metadata['backbone']}' of {metadata['classes']} classes"
        kind += f" and {metadata['channels']}×{metadata['resolution']}×{metadata['resolution']}"
        layout = metadata[_LAYOUT]
    if layout != network.layout:
        raise FD2Error(
            f"an expert of another network, {kind}, whose parameters have other names or shapes",
            str(path),
            "give an expert of this network: its folder has the backbone's name",
        )
    if trained_on != manifest:
        raise FD2Error(
            f"an expert trained on other data: manifest {trained_on[:12]}, not {manifest[:12]}",
            str(path),
            "give one of this dataset; one of earlier data is made anew where it is asked for",
        )
    if weights.dtype != torch.float32 or weights.ndim != 2 or weights.shape[1] != network.size:
        raise damaged(path, f"weights {weights.dtype} {list(weights.shape)} of {network.size}")
    return StoredExpert(mapped_tensor(path, _WEIGHTS), metadata)


def invented_weights(network: FlatNetwork, epochs: int) -> Tensor:
    """Parameters ``[epochs + 1, P]`` of no training, on which time and memory do not depend."""
    moved = 0.01 * torch.arange(epochs + 1, dtype=torch.float32)[:, None]
    return network.vector().cpu() + moved
