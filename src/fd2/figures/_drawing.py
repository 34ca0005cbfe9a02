"""Figures: an empty one, and one written with the numbers behind it, without dates inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fd2.artifacts.files import atomic_write, write_frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DPI = 150
#: No dates and no versions inside: equal numbers give equal files.
_METADATA = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Creator": None}}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in inches that touches no global state of matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write_picture(path: Path, figure: Figure) -> None:
    """Write a figure as png (150 dpi) or pdf, by the path's suffix."""
    kind = path.suffix.removeprefix(".")
    with atomic_write(path) as temporary:
        # Cut to the drawing: the layout engine makes no room for long names beside images.
        figure.savefig(
            temporary, format=kind, dpi=DPI, metadata=_METADATA[kind], bbox_inches="tight"
        )


def write_figure(stem: Path, figure: Figure, numbers: pd.DataFrame) -> None:
    """Write ``stem.png``, ``stem.pdf`` and the numbers behind them as ``stem.csv``."""
    write_frame(stem.with_name(stem.name + ".csv"), numbers)
    for kind in ("png", "pdf"):
        write_picture(stem.with_name(f"{stem.name}.{kind}"), figure)
