"""The table of a sheet of complexity: how small a part of real images networks look at."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from fd2.artifacts.records import Record
from fd2.config.rows import ComplexityRow
from fd2.config.sheets import Sheet
from fd2.tables.records import Source, read_results, require_rows
from fd2.tables.render import Grid, Table, of_sheet, plain

#: Of all classes and of their halves, by their names in the results.
MEASURES = ("complexity", "easy_complexity", "hard_complexity")
_FACTS = ("maps", "cells", "images", "flat_maps", "classes", "halves_by")
_IDENTITY = ["dataset", "backbone", "training"]


def complexity_table(sheet: Sheet, results: Path) -> Table:
    """Read a sheet of complexity and every result of it that exists.

    The csv has a column of each measure for each threshold that a result has.

    Raises:
        FD2Error: for a faulty sheet, a row given twice, a damaged result, or results of one
            dataset that were made from different data.
    """
    listed = sheet.rows_of(ComplexityRow)
    require_rows([tuple(asdict(row).values()) for row in listed], sheet.path)
    sources = [
        Source(position, results / row.network.complexity(), "complexity_of", asdict(row))
        for position, row in enumerate(listed)
    ]
    files = read_results(sources, (*_FACTS, *MEASURES), _numbers)
    rows = pd.DataFrame([asdict(row) for row in listed], columns=_IDENTITY)
    rows = rows.join(files.drop(columns=["row", "dataset"]))
    rows["preset"] = rows["preset"].fillna("")
    whole = dict.fromkeys(("images", "flat_maps", "classes"), "Int64")
    frame = rows[[*_IDENTITY, *_FACTS]].astype(whole)
    known = rows["complexity"].dropna()
    for threshold in sorted({threshold for of_all in known for threshold in of_all}):
        for measure in MEASURES:
            numbers = [at.get(threshold) if isinstance(at, dict) else None for at in rows[measure]]
            frame[f"{measure}_{threshold:g}"] = pd.Series(numbers, frame.index, dtype=float)
    frame = frame.join(rows[["preset", "missing"]])
    return of_sheet(sheet, frame, [Grid({}, plain(rows))], rows)


def _numbers(record: Record) -> dict[str, Any]:
    """Facts, and each measure by threshold; None for the halves of a single class."""
    result = record.result
    thresholds = [float(threshold) for threshold in result["thresholds"]]

    def by_threshold(measure: str) -> dict[float, float] | None:
        if result[measure] is None:
            return None
        return dict(zip(thresholds, map(float, result[measure]), strict=True))

    height, width = result["map_cells"]
    return {
        "maps": str(record.settings["maps"]),
        "cells": f"{height} × {width}",
        "images": int(result["images"]),
        "flat_maps": int(result["flat_maps"]),
        "classes": len(result["classes"]),
        "halves_by": float(result["halves_by"]),
        **{measure: by_threshold(measure) for measure in MEASURES},
    }
