"""Stage: draw one figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fd2.config import plugins


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]], stem: Path) -> None:
    """Write ``stem.png``, ``stem.pdf`` and ``stem.csv``, the numbers behind the picture.

    Args:
        spec: a figure of the config: its ``kind`` names a file of ``figures``, the rest fits that
            file's ``SETTINGS_SCHEMA``.
        files: by the names and in the order of the plug-in's ``inputs``.
        stem: output path without suffix.

    Raises:
        FD2Error: for an unknown kind, or what the plug-in refuses.
    """
    plugins.load("figures", spec["kind"], "setting 'figures'").draw(spec, files, stem)
