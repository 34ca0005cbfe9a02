"""The grids that students are shown as: one for each dataset and kind of student."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fd2.config.names import FULL_DATA
from fd2.tables.labels import BASE_VARIANT, row_label
from fd2.tables.render import Grid, plain

_KIND = ["dataset", "student", "initialisation"]


def student_grids(rows: pd.DataFrame) -> list[Grid]:
    """The grids of a sheet, in its order: lines by label, columns by images per class.

    A teacher stands with the students of its own network; one without such students stands in
    every grid of its dataset.
    """
    full = rows["method"] == FULL_DATA
    # Published numbers alone stand with the students of the same network, if there are any.
    of_network = rows.astype({"initialisation": object}).groupby(["dataset", "student"])
    known = of_network["initialisation"].transform("first")
    known = known.where(known.notna(), "")
    rows = rows.assign(initialisation=rows["initialisation"].where(rows["variant"] != "", known))
    grids: list[tuple[dict[str, Any], pd.DataFrame]] = []
    for dataset, teachers in rows.groupby("dataset", sort=False):
        students = teachers[~full[teachers.index]]
        teachers = teachers[full[teachers.index]]
        if students.empty:
            grids.append(({"dataset": dataset}, teachers))
        for kind, own in students.groupby(_KIND, sort=False):
            foreign = ~teachers["student"].isin(students["student"])
            shown = teachers[foreign | (teachers["student"] == kind[1])]
            title = {name: own[name].iloc[0] for name in _KIND}
            grids.append((title, pd.concat([shown, own])))
    alone = len(grids) == 1
    return [_grid(title, shown, alone) for title, shown in grids]


def _grid(title: dict[str, Any], rows: pd.DataFrame, alone: bool) -> Grid:
    students = rows[rows["method"] != FULL_DATA]
    counts = sorted(students["ipc"].unique().tolist()) or [None]
    variants = students["variant"].unique().tolist()
    if not alone and len(variants) == 1 and variants[0] not in (BASE_VARIANT, ""):
        # All of them share the variant, so the title has it.
        title = {**title, "variant": variants[0]}
        unnamed = students[students["sheet_label"] == ""]
        names = zip(unnamed["method"], unnamed["fd2"], strict=True)
        labels = [row_label(method, fd2, BASE_VARIANT) for method, fd2 in names]
        rows = rows.assign(label=pd.Series(labels, unnamed.index).combine_first(rows["label"]))
    several = rows["student"].nunique() > 1
    lines = []
    for (method, *_), cells in rows.groupby(["method", "fd2", "variant", "student"], sort=False):
        values = plain(cells)
        label = values[0]["label"]
        if method == FULL_DATA:
            label = f"{label}, {values[0]['student']}" if several else label
            # Full data is the same whatever the number of distilled images.
            lines.append({"label": label, "cells": values * len(counts)})
        else:
            by_count = {cell["ipc"]: cell for cell in values}
            lines.append({"label": label, "cells": [by_count.get(count) for count in counts]})
    return Grid({} if alone else title, lines, counts=counts)
