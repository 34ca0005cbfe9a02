"""Student accuracy over epochs, mean and range over seeds, one line a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.figures._rows import DATASET, IPC, ROWS, cell_inputs, labels, row_key

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["dataset", "ipc", "student", "rows"],
    "description": "Top-1 and class-balanced top-1 of the students over epochs.",
    "properties": {
        "dataset": DATASET,
        "ipc": IPC,
        "student": {"type": "string", "description": "The students' backbone."},
        "rows": ROWS,
    },
}
METRICS = {"top1": "top-1 (%)", "balanced_top1": "class-balanced top-1 (%)"}
#: Okabe and Ito's colours, told apart by the colour-blind; with dashes and markers also in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "x", "P", "*", "<")
MARKERS_PER_LINE = 8


def inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Paths below the results folder: the cells of each row."""
    return cell_inputs(spec, seeds)


def curves(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> pd.DataFrame:
    """Accuracies over epochs, in percent.

    Returns:
        One line a row and epoch: ``label``, ``epoch``, ``n`` seeds, and mean, min and max over
        them of each metric. An epoch that some seeds did not test counts the others.

    Raises:
        FD2Error: if a cell is missing or damaged.
    """
    import pandas as pd

    from fd2.artifacts.files import damaged
    from fd2.artifacts.records import read_content

    points = []
    for position, label in enumerate(labels(spec)):
        for path in files[row_key(position)]:
            try:
                curve = read_content(path)["result"]["curve"]
                points += [
                    {"row": position, "label": label, "epoch": point["epoch"]}
                    | {metric: float(point[metric]) for metric in METRICS}
                    for point in curve
                ]
            except (KeyError, TypeError) as error:
                raise damaged(path, f"no curve: {type(error).__name__} {error}") from error
    columns = {"n": ("top1", "size")} | {
        f"{metric}_{how}": (metric, how) for metric in METRICS for how in ("mean", "min", "max")
    }
    grouped = pd.DataFrame(points, columns=["row", "label", "epoch", *METRICS])
    return grouped.groupby(["row", "label", "epoch"]).agg(**columns).reset_index()


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]], stem: Path) -> None:
    """Write ``stem.png``, ``stem.pdf`` and ``stem.csv``.

    Args:
        spec: fits `SETTINGS_SCHEMA`, with ``kind``.
        files: the paths of `inputs`, by the same names.
        stem: output path without suffix.

    Raises:
        FD2Error: if a cell is missing or damaged.
    """
    from fd2.figures._drawing import new_figure, write_figure

    frame = curves(spec, files)
    figure = new_figure(8.0, 4.0)
    for position, (metric, name) in enumerate(METRICS.items()):
        axes = figure.add_subplot(1, 2, position + 1)
        for row, (_, part) in enumerate(frame.groupby("row")):
            _line(axes, part, metric, row)
        axes.set_xlabel("epoch")
        axes.locator_params(axis="x", integer=True)
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, fontsize=8)
    figure.suptitle(
        f"{spec['dataset']}, IPC {spec['ipc']}, {spec['student']}: mean and range over seeds",
        fontsize=10,
    )
    write_figure(stem, figure, frame.drop(columns="row"))


def _line(axes: Axes, part: pd.DataFrame, metric: str, row: int) -> None:
    colour = COLOURS[row % len(COLOURS)]
    axes.plot(
        part["epoch"],
        part[f"{metric}_mean"],
        color=colour,
        linestyle=DASHES[row % len(DASHES)],
        marker=MARKERS[row % len(MARKERS)],
        markersize=4,
        markevery=max(len(part) // MARKERS_PER_LINE, 1),
        label=part["label"].iloc[0],
    )
    low, high = part[f"{metric}_min"], part[f"{metric}_max"]
    axes.fill_between(part["epoch"], low, high, color=colour, alpha=0.2, linewidth=0)
