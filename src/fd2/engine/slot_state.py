"""Finished slots of an unfinished group, so that a killed job goes on where it was."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from torch import Tensor

from fd2.artifacts.files import canonical_json
from fd2.artifacts.tensors import read_tensors, write_tensors
from fd2.errors import FD2Error


class SlotState:
    """A folder of finished (slot, chunk) images, keyed by all that shapes them.

    Snakemake deletes declared outputs of failed jobs, so the folder is not declared; a job with
    other settings or inputs has another key and never sees it.

    Args:
        root: parent of all state folders.
        shaped: what shapes the group: settings and digests of inputs.
    """

    def __init__(self, root: Path, shaped: Mapping[str, Any]) -> None:
        self.folder = root / sha256(canonical_json(shaped).encode()).hexdigest()[:24]

    def load(self, slot: int, chunk: int) -> tuple[Tensor, float] | None:
        """Finished images uint8 ``[B, 3, H, W]`` and their seconds; None if they must be made."""
        path = self._path(slot, chunk)
        if not path.exists():
            return None
        try:
            tensors, metadata = read_tensors(path, ("images",))
            return tensors["images"], float(metadata["seconds"])
        except FD2Error as error:
            print(f"ignoring a damaged state file and making the slot anew: {error}", flush=True)
            return None

    def save(self, slot: int, chunk: int, images: Tensor, seconds: float) -> None:
        """Keep finished images and the seconds that they took."""
        write_tensors(self._path(slot, chunk), {"images": images}, {"seconds": seconds})

    def remove(self) -> None:
        """Forget everything: the group is finished."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, slot: int, chunk: int) -> Path:
        return self.folder / f"slot{slot}-chunk{chunk}.safetensors"
