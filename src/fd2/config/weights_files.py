"""Weights files that networks start from, and what one is refused for before any job runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fd2.errors import FD2Error

#: The initialisation that a weights file belongs to.
FILE = "file"


@dataclass(frozen=True)
class WeightsFile:
    """Weights that a network starts from.

    Attributes:
        path: a safetensors file, or one of ``torch.save`` that holds a state dict.
        sha256: the file's, in hexadecimal.
    """

    path: str
    sha256: str


def check_weights_file(initialisation: str, given: Mapping[str, str] | None, where: str) -> None:
    """Refuse a weights file that is not asked for, not there, or another than was named.

    Whether it fits the network, the job finds out before it trains.

    Args:
        initialisation: of the section.
        given: its ``weights_file``, with ``path`` and ``sha256``.
        where: the network, for errors.

    Raises:
        FD2Error: names the file and its digest.
    """
    if given is None:
        if initialisation == FILE:
            fix = "add 'weights_file: {path: ..., sha256: ...}' beside it"
            raise FD2Error(f"initialisation '{FILE}' without a weights file", where, fix)
        return
    path = Path(given["path"])
    if initialisation != FILE:
        raise FD2Error(
            f"weights file {path} with initialisation '{initialisation}'",
            where,
            f"set 'initialisation: {FILE}', or 'weights_file: null'",
        )
    if not path.is_file():
        fix = "give the path of an existing file, from the folder that snakemake runs in"
        raise FD2Error(f"no weights file {path}", where, fix)
    status = path.stat()
    digest = _digest(path, status.st_mtime_ns, status.st_size)
    if digest != given["sha256"]:
        raise FD2Error(
            f"weights file {path} has SHA-256 {digest} instead of {given['sha256']}",
            where,
            "fetch the file again, or, if this one is meant, write its digest into 'weights_file'",
        )


@cache
def _digest(path: Path, changed: int, size: int) -> str:
    """SHA-256 of a file, computed once for each state of it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
