# Copy to src/fd2/figures/last_epoch.py, under a name of your own.
"""Top-1 of each row's students at the last epoch, as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.figures._rows import cell_inputs, row_files, schema

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SETTINGS_SCHEMA = schema(
    "Mean top-1 of the students at the last epoch.",
    *("dataset", "ipc", "student", "rows"),
)


def inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """The cells of each row."""
    return cell_inputs(spec, seeds)


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> tuple[Figure, pd.DataFrame]:
    """A bar a row."""
    import pandas as pd

    from fd2.artifacts.records import read_record
    from fd2.figures._drawing import new_figure

    rows = [
        {"label": label, "top1": read_record(path).result["last"]["top1"]}
        for label, paths in row_files(spec, files)
        for path in paths
    ]
    means = pd.DataFrame(rows).groupby("label", sort=False)["top1"].mean()
    figure = new_figure(6.0, 3.0)
    axes = figure.add_subplot()
    axes.barh(list(means.index), means.to_numpy())
    axes.set_xlabel("top-1 (%)")
    return figure, means.reset_index()
