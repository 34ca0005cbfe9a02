"""Whether folders can be written, asked before the first job and not by the first failure."""

from __future__ import annotations

import os
from pathlib import Path

from fd2.errors import FD2Error


def require_writable(folder: str | Path, setting: str) -> None:
    """Refuse an output folder that is a file, or that cannot be made or written.

    Args:
        folder: may not exist yet; then the nearest folder above it counts.
        setting: where its path was read.

    Raises:
        FD2Error: names the path that stands in the way.
    """
    path = Path(folder)
    existing = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not existing.is_dir():
        raise FD2Error(
            f"'{existing}' is a file, a folder is needed", setting, "move it away or name another"
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise FD2Error(
            f"'{existing}' cannot be written", setting, "change its permissions or name another"
        )
