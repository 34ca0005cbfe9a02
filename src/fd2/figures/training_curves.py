"""Student accuracy over epochs, mean and range over seeds, one line a method."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.figures._rows import cell_inputs, row_files, schema

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SETTINGS_SCHEMA = schema(
    "Top-1 and class-balanced top-1 of the students over epochs.",
    *("dataset", "ipc", "student", "rows"),
)
inputs = cell_inputs
METRICS = ("top1", "balanced_top1")
MARKERS_PER_LINE = 8


def curves(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> pd.DataFrame:
    """Accuracies over epochs, in percent.

    Returns:
        One line a row and epoch: ``row`` and ``label``, ``epoch``, ``n`` seeds, and mean, min and
        max over them of each metric. An epoch that some seeds did not test counts the others.

    Raises:
        FD2Error: if a cell is missing or damaged.
    """
    import pandas as pd

    from fd2.artifacts.records import parsing, read_record

    points = []
    for row, (label, paths) in enumerate(row_files(spec, files)):
        for path in paths:
            record = read_record(path)
            with parsing(path):
                points += [
                    {"row": row, "label": label, "epoch": point["epoch"]}
                    | {metric: float(point[metric]) for metric in METRICS}
                    for point in record.result["curve"]
                ]
    columns = {"n": ("top1", "size")} | {
        f"{metric}_{how}": (metric, how) for metric in METRICS for how in ("mean", "min", "max")
    }
    grouped = pd.DataFrame(points, columns=["row", "label", "epoch", *METRICS])
    return grouped.groupby(["row", "label", "epoch"]).agg(**columns).reset_index()


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> tuple[Figure, pd.DataFrame]:
    """A line a row of `curves`, with its range."""
    from fd2.figures._drawing import accuracy_panels, explain

    frame = curves(spec, files)
    figure, panels = accuracy_panels(8.0, 4.0, "epoch")
    for metric, axes in panels.items():
        for row, (_, part) in enumerate(frame.groupby("row")):
            _line(axes, part, metric, row)
        axes.locator_params(axis="x", integer=True)
    names = f"{spec['dataset']}, IPC {spec['ipc']}, {spec['student']}"
    explain(figure, f"{names}: mean and range over seeds")
    return figure, frame.drop(columns="row")


def _line(axes: Axes, part: pd.DataFrame, metric: str, row: int) -> None:
    from fd2.figures._drawing import line_style

    style = line_style(row)
    axes.plot(
        part["epoch"],
        part[f"{metric}_mean"],
        **style,
        markersize=4,
        markevery=max(len(part) // MARKERS_PER_LINE, 1),
        label=part["label"].iloc[0],
    )
    low, high = part[f"{metric}_min"], part[f"{metric}_max"]
    axes.fill_between(part["epoch"], low, high, color=style["color"], alpha=0.2, linewidth=0)
