"""Accuracy over the classes seen as they arrive in steps, mean and interval, one line a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.config.names import FULL_DATA
from fd2.config.rows import ContinualRow
from fd2.figures._rows import row_files, schema

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SETTINGS_SCHEMA = schema(
    "Top-1 and class-balanced top-1 of students over the classes that have arrived.",
    *("dataset", "ipc", "student", "rows"),
    steps={"type": "integer", "minimum": 1, "description": "In which the classes arrive."},
)


def inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Each row's records, one a seed; a row's method may be ``full``, the teacher."""
    return {
        f"row{position}": _row(spec, row).sources(list(seeds))
        for position, row in enumerate(spec["rows"])
    }


def _row(spec: Mapping[str, Any], row: Mapping[str, str]) -> ContinualRow:
    names = spec["dataset"], row["method"], row["fd2"], row["variant"]
    ipc = None if row["method"] == FULL_DATA else spec["ipc"]
    return ContinualRow(*names, ipc, spec["student"], spec["steps"])


def steps_of(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> pd.DataFrame:
    """Accuracies over steps, in percent.

    Returns:
        One line a row and step: ``row`` and ``label``, ``seen`` classes, ``n`` seeds, and of each
        metric the mean over them and half of its 95 % t interval, NaN of one seed.

    Raises:
        FD2Error: if a record is missing or damaged.
    """
    import pandas as pd

    from fd2.artifacts.records import parsing, read_record
    from fd2.report.intervals import STATISTICS, of_mean
    from fd2.tables.continual import step_numbers
    from fd2.tables.records import METRICS

    points = []
    for row, (label, paths) in enumerate(row_files(spec, files)):
        for path in paths:
            record = read_record(path)
            with parsing(path):
                points.append({"row": row, "label": label, **step_numbers(record)})
    frame = pd.DataFrame(points).explode(["seen", *METRICS])
    frame = frame.astype({"seen": int, **dict.fromkeys(METRICS, float)})
    found = frame.groupby(["row", "label", "seen"])[list(METRICS)].agg(list(STATISTICS))
    halves = of_mean(found)
    columns = {"n": found["top1", "count"]}
    for metric in METRICS:
        columns[f"{metric}_mean"] = found[metric, "mean"]
        columns[f"{metric}_half_width"] = halves[metric]
    return pd.DataFrame(columns).reset_index()


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> tuple[Figure, pd.DataFrame]:
    """A line a row of `steps_of`, with its interval."""
    from fd2.figures._drawing import accuracy_panels, explain

    frame = steps_of(spec, files)
    figure, panels = accuracy_panels(8.0, 4.0, "classes seen")
    for metric, axes in panels.items():
        for row, (_, part) in enumerate(frame.groupby("row")):
            _line(axes, part, metric, row)
        axes.set_xticks(sorted(set(frame["seen"])))
    names = f"{spec['dataset']}, IPC {spec['ipc']}, {spec['student']}"
    explain(figure, f"{names}: mean and 95 % interval over orders of the classes")
    return figure, frame.drop(columns="row")


def _line(axes: Axes, part: pd.DataFrame, metric: str, row: int) -> None:
    from fd2.figures._drawing import line_style

    style = line_style(row)
    mean, half = part[f"{metric}_mean"], part[f"{metric}_half_width"].fillna(0)
    axes.plot(part["seen"], mean, **style, markersize=4, label=part["label"].iloc[0])
    band = {"color": style["color"], "alpha": 0.2, "linewidth": 0}
    low, high = (mean - half).clip(lower=0), (mean + half).clip(upper=100)
    axes.fill_between(part["seen"], low, high, **band)
