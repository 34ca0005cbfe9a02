"""Empty figures, marks for their rows, and a finished figure's files, without dates inside."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.artifacts.files import atomic_write, write_frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 150
#: Okabe and Ito's colours, told apart by the colour-blind; markers, dashes and hatches beside them
#: stay apart in grey print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "X", "P", "*", "<", ">")
DASHES = ("-", "--", "-.", ":")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "+++", "ooo")
ACCURACIES = {"top1": "top-1 (%)", "balanced_top1": "class-balanced top-1 (%)"}
#: No dates and no versions inside: equal numbers give equal files.
_METADATA = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Creator": None}}


def mark(marks: Sequence[str], position: int) -> str:
    """The mark at a position, from the start again after the last."""
    return marks[position % len(marks)]


def line_style(position: int) -> dict[str, Any]:
    """Colour, dash and marker of a line, as arguments of matplotlib's ``plot``."""
    return {
        "color": mark(COLOURS, position),
        "linestyle": mark(DASHES, position),
        "marker": mark(MARKERS, position),
    }


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in inches that touches no global state of matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def accuracy_panels(width: float, height: float, x_label: str) -> tuple[Figure, dict[str, Axes]]:
    """A figure in inches with axes for top-1 and for class-balanced top-1, by `ACCURACIES`."""
    figure = new_figure(width, height)
    panels = {}
    for position, (metric, name) in enumerate(ACCURACIES.items()):
        axes = panels[metric] = figure.add_subplot(1, 2, position + 1)
        axes.set(xlabel=x_label, ylabel=name)
        axes.grid(alpha=0.3)
    return figure, panels


def explain(figure: Figure, title: str, columns: int = 2, size: float = 8) -> None:
    """Add a title, and below the axes the legend of the first ones."""
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=columns, fontsize=size)
    figure.suptitle(title, fontsize=10)


def write_picture(path: Path, figure: Figure) -> None:
    """Write a figure as png (150 dpi) or pdf, by the path's suffix; see `picture_bytes`."""
    content = picture_bytes(figure, path.suffix.removeprefix("."))
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def picture_bytes(figure: Figure, kind: str = "png") -> bytes:
    """A figure as a file's content, png or pdf.

    Names may hold any character: none of its texts is read as a formula.
    """
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)
    stream = io.BytesIO()
    # Cut to the drawing: the layout engine makes no room for long names beside images.
    figure.savefig(stream, format=kind, dpi=DPI, metadata=_METADATA[kind], bbox_inches="tight")
    return stream.getvalue()


def finish(figure: Figure, numbers: pd.DataFrame, stem: Path) -> None:
    """Write ``stem.png``, ``stem.pdf`` and the numbers behind them as ``stem.csv``."""
    write_frame(stem.with_name(f"{stem.name}.csv"), numbers)
    for kind in ("png", "pdf"):
        write_picture(stem.with_name(f"{stem.name}.{kind}"), figure)
