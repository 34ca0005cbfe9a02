"""The table of a sheet of diagnoses: sets of images as networks see them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from fd2.artifacts.records import Record
from fd2.config.rows import DiagnosticRow
from fd2.config.sheets import Sheet
from fd2.tables.labels import set_label
from fd2.tables.records import Source, read_results, require_rows
from fd2.tables.render import Grid, Table, of_sheet, plain

#: The numbers by their names in the results, in the order of the table's columns.
MEASURES = (
    "intra_class_variance",
    "centre_distance",
    "nearest_centre_distance",
    "margin",
    "pairwise_distance",
    "group_coverage",
    "image_coverage",
)
_IDENTITY = ["dataset", "method", "fd2", "variant", "ipc", "backbone", "training"]
_NETWORK = ["dataset", "backbone", "training"]


def diagnostic_table(sheet: Sheet, results: Path) -> Table:
    """Read a sheet of diagnoses and every result of it that exists.

    Raises:
        FD2Error: for a faulty sheet, a row given twice, a damaged result, or results of one
            dataset that were made from different data.
    """
    listed = sheet.rows_of(DiagnosticRow)
    require_rows([tuple(asdict(row).values()) for row in listed], sheet.path)
    sources = [
        Source(position, results / row.path("json"), "diagnosis", asdict(row))
        for position, row in enumerate(listed)
    ]
    files = read_results(sources, ("group_size", "attention", *MEASURES), _numbers)
    rows = pd.DataFrame([asdict(row) for row in listed], columns=_IDENTITY)
    rows["label"] = [set_label(row.method, row.fd2, row.variant, str(sheet.path)) for row in listed]
    rows = rows.join(files.drop(columns=["row", "dataset"])).astype({"ipc": "Int64"})
    rows[list(MEASURES)] = rows[list(MEASURES)].astype(float)
    rows["preset"] = rows["preset"].fillna("")
    rows["is_difference"] = False
    grids = [
        Grid(dict(zip(_NETWORK, network, strict=True)), plain(own))
        for network, own in rows.groupby(_NETWORK, sort=False)
    ]
    differences = _differences(rows)
    if len(differences):
        grids.append(Grid({"differences": True}, plain(differences), "difference_columns"))
    frame = rows[[*_IDENTITY, "label", "group_size", "attention", *MEASURES, "preset", "missing"]]
    return of_sheet(sheet, frame.astype({"group_size": "Int64"}), grids, rows)


def _differences(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with FD² minus those without, where both are there."""
    existing = rows[rows["exists"]]
    same = [name for name in _IDENTITY if name != "fd2"]
    pairs = existing[existing["fd2"] == "fd2"].merge(
        existing[existing["fd2"] == "plain"], on=same, suffixes=("", "_plain")
    )
    pairs["is_difference"] = True
    for name in MEASURES:
        pairs[name] -= pairs[f"{name}_plain"]
    return pairs


def _numbers(record: Record) -> dict[str, Any]:
    result = record.result
    return {
        "group_size": int(result["group_size"]),
        "attention": str(result["attention"]),
        **{name: None if result[name] is None else float(result[name]) for name in MEASURES},
    }
