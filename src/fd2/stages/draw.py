"""Stage: draw one figure and write its caption."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fd2.config import plugins


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]], stem: Path) -> None:
    """Write ``stem.png``, ``stem.pdf``, the numbers behind them, and the caption ``stem.md``.

    Args:
        spec: a figure of the config: its ``kind`` names a file of ``figures``, the rest fits that
            file's ``SETTINGS_SCHEMA``.
        files: by the names and in the order of the plug-in's ``inputs``, and as ``records`` the
            JSON files beside them.
        stem: output path without suffix; its last part is the figure's name.

    Raises:
        FD2Error: for an unknown kind, or what the plug-in refuses.
    """
    from fd2.artifacts.files import write_text
    from fd2.figures._caption import figure_caption

    plugin = plugins.load("figures", spec["kind"], "setting 'figures'")
    caption = figure_caption(stem.name, spec, files.get("records", []))
    plugin.draw(spec, files, stem)
    write_text(stem.with_name(f"{stem.name}.md"), caption)
