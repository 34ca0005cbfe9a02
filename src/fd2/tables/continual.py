"""The table of a sheet of continual learning: accuracy over the classes seen, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fd2.artifacts.records import Record
from fd2.config.names import FULL_DATA
from fd2.config.rows import ContinualRow
from fd2.config.sheets import Sheet
from fd2.report.intervals import STATISTICS, of_mean, statistic
from fd2.tables.compare import random_partners
from fd2.tables.labels import row_label
from fd2.tables.records import METRICS, Source, read_results, require_rows
from fd2.tables.render import Grid, Table, of_sheet, plain

_IDENTITY = ["dataset", "method", "fd2", "variant", "ipc", "student", "steps"]
#: What rows of one grid share.
_GRID = ["dataset", "student", "steps"]
#: What says which rows are trained alike; see `fd2.config.row_facts`.
_FACTS = ["labels", "training"]
_POINT = ["row", "seed", "step"]


def continual_table(
    sheet: Sheet, results: Path, seeds: Sequence[int], facts: Sequence[Mapping[str, str]]
) -> Table:
    """Means over seeds, and paired differences to random images, of each row and step.

    The csv has a line for each of them. ``facts`` are what the settings say of each row, see
    `fd2.config.row_facts`.

    Raises:
        FD2Error: for a faulty sheet, a row given twice, a damaged result, or results of one
            dataset that were made from different data.
    """
    listed = sheet.rows_of(ContinualRow)
    rows = pd.DataFrame([asdict(row) for row in listed])
    require_rows([tuple(line) for line in rows[_IDENTITY].itertuples(index=False)], sheet.path)
    known = pd.DataFrame([dict(each) for each in facts], columns=_FACTS, index=rows.index)
    where = str(sheet.path)
    rows["label"] = [
        row_label(row.method, row.fd2, row.label or row.variant, where) for row in listed
    ]
    rows = rows.join(known).join(_partners(rows.join(known)))
    files = _files(listed, seeds, results)
    lines = _lines(rows, step_points(files))
    lines["n"] = lines["n"].fillna(0)
    lines["asked"] = len(seeds)
    lines = lines.join(_of_row(files), on="row")
    frame = lines[_columns()].astype(dict.fromkeys(("ipc", "seen", "n"), "Int64"))
    caption = {"seeds": list(seeds), "compared": bool(lines["reference"].notna().any())}
    return of_sheet(sheet, frame, _grids(lines), files, **caption)


def step_points(files: pd.DataFrame) -> pd.DataFrame:
    """One line a file and step: ``row``, ``seed``, ``step`` from 1, ``seen`` classes, `METRICS`.

    From files with a list of each of the latter, those that exist.
    """
    existing = files[files["exists"]]
    points = existing[["row", "seed", "seen", *METRICS]].explode(["seen", *METRICS])
    points["step"] = points.groupby(["row", "seed"]).cumcount() + 1
    return points.astype({"seen": int, **dict.fromkeys(METRICS, float)})


def step_numbers(record: Record) -> dict[str, Any]:
    """Of each step the classes seen, and accuracies over these in percent."""
    steps = record.result["steps"]
    return {
        "seen": [int(step["seen"]) for step in steps],
        **{metric: [float(step[metric]) for step in steps] for metric in METRICS},
    }


def _columns() -> list[str]:
    """Of the csv, in order."""
    names = [*_IDENTITY, "label", "step", "seen", "asked", "n"]
    names += [f"{metric}_{name}" for metric in METRICS for name in ("mean", "sd", "half_width")]
    names += [f"over_random_{metric}{end}" for metric in METRICS for end in ("", "_half_width")]
    return [*names, "reference", "reference_trained", "preset", "tested_on", "missing"]


def _files(rows: Sequence[ContinualRow], seeds: Sequence[int], results: Path) -> pd.DataFrame:
    """One row a file, with its ``seed``."""
    sources, of_seed = [], []
    for position, row in enumerate(rows):
        for path, seed in zip(row.sources(list(seeds)), seeds, strict=True):
            if row.ipc is None:
                names: dict[str, Any] = {**asdict(row.students.teacher), "seed": seed}
            else:
                (cell,) = row.students.cells([seed])
                names = cell.fields()
            identity = {**names, "steps": row.steps}
            sources.append(Source(position, results / path, "continual", identity))
            of_seed.append(seed)
    files = read_results(sources, ("seen", *METRICS), step_numbers)
    return files.assign(seed=of_seed)


def _partners(rows: pd.DataFrame) -> pd.DataFrame:
    """For each row the random images of as many steps to compare it with.

    Returns:
        ``partner``; ``reference``, its name; and ``reference_trained``: ``alike``, or what differs
        from the row, ``labels`` or ``otherwise``.
    """
    found = pd.concat([random_partners(own) for _, own in rows.groupby("steps")])
    chosen = found.reindex(rows.index)
    names = rows["method"] + "/" + rows["fd2"] + "/" + rows["variant"]
    same = {name: chosen[f"same_{name}"].eq(True) for name in ("labels", "training")}
    trained = pd.Series("labels", rows.index).mask(same["labels"], "otherwise")
    trained = trained.mask(same["labels"] & same["training"], "alike")
    return pd.DataFrame(
        {
            "partner": chosen["partner"],
            "reference": chosen["partner"].map(names),
            "reference_trained": trained.where(chosen["partner"].notna()),
        }
    )


def _lines(rows: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """One line a row of the sheet and step."""
    asked = [(row, step) for row, steps in rows["steps"].items() for step in range(1, steps + 1)]
    index = pd.MultiIndex.from_tuples(asked, names=["row", "step"])
    found = points.groupby(["row", "step"])[list(METRICS)].agg(list(STATISTICS)).reindex(index)
    lines = pd.DataFrame({"n": found["top1", "count"]}, index)
    for metric in METRICS:
        lines[f"{metric}_mean"] = found[metric]["mean"]
        lines[f"{metric}_sd"] = np.sqrt(found[metric]["var"])
        lines[f"{metric}_half_width"] = of_mean(found)[metric]
    gains = _gains(rows, points).reindex(index)
    for metric in METRICS:
        lines[f"over_random_{metric}"] = statistic(gains, "mean")[metric]
        lines[f"over_random_{metric}_half_width"] = of_mean(gains)[metric]
    lines = lines.reset_index().join(rows.drop(columns=_FACTS), on="row")
    # A row without results sees as many classes as another of the grid.
    seen = points.join(rows[_GRID], on="row").groupby([*_GRID, "step"])["seen"].first()
    return lines.join(seen, on=[*_GRID, "step"])


def _gains(rows: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """Statistics of a row's accuracies minus its partner's, of the same seed and step."""
    ours = points.assign(partner=points["row"].map(rows["partner"])).dropna(subset="partner")
    pairs = ours.merge(
        points, left_on=["partner", *_POINT[1:]], right_on=_POINT, suffixes=("", "_random")
    )
    for metric in METRICS:
        pairs[metric] -= pairs[f"{metric}_random"]
    return pairs.groupby(["row", "step"])[list(METRICS)].agg(list(STATISTICS))


def _of_row(files: pd.DataFrame) -> pd.DataFrame:
    """Presets, images that were tested on, and the command for what is missing, by row."""
    by_row = files.groupby("row")
    told = {
        name: by_row[name].agg(lambda values: ";".join(sorted(set(values.dropna()))))
        for name in ("preset", "tested_on")
    }
    missing = files[~files["exists"]]
    commands = "snakemake " + missing["path"].astype(str).groupby(missing["row"]).agg(" ".join)
    return pd.DataFrame({**told, "missing": commands}).fillna("")


def _grids(lines: pd.DataFrame) -> list[Grid]:
    """A grid for each dataset, network and number of steps: a line a method, a column a step."""
    grids = []
    for names, own in lines.groupby(_GRID, sort=False):
        steps = own.drop_duplicates("step").sort_values("step")
        counts = [None if pd.isna(seen) else int(seen) for seen in steps["seen"]]
        shown = []
        for _, row in own.groupby("row", sort=False):
            first = row.iloc[0]
            ipc = "" if first["method"] == FULL_DATA else f", IPC {int(first['ipc'])}"
            shown.append({"label": f"{first['label']}{ipc}", "cells": plain(row)})
        grids.append(Grid(dict(zip(_GRID, names, strict=True)), shown, counts=counts))
    return grids
