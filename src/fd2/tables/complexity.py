"""The table of a sheet of complexity: how small a part of real images networks look at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from fd2.artifacts.records import Record
from fd2.config.complexity import members
from fd2.config.rows import ComplexityRow
from fd2.config.sheets import Sheet
from fd2.diagnostics.easy_and_hard import easy_and_hard, mean_complexity
from fd2.tables.records import Source, read_results, require_rows
from fd2.tables.render import Grid, Table, of_sheet, plain

#: Of all classes, of the easiest and of the hardest, at each threshold.
MEASURES = ("complexity", "easy_complexity", "hard_complexity")
_FACTS = ("maps", "cells", "images", "flat_maps", "classes", "activation", "halves_by")
_NAMES = ("easy_classes", "hard_classes")
_IDENTITY = ["dataset", "backbone", "training", "group"]
#: Of the complexity at the threshold ``halves_by``.
_COMPARED = ["published", "difference"]
#: Of images of each class.
_COUNTS = ("images", "flat_maps")


def complexity_table(sheet: Sheet, results: Path, groups: Mapping[str, Mapping[str, Any]]) -> Table:
    """Read a sheet of complexity and every result of it that exists.

    The csv has a column of each measure for each threshold that a result has, what is published and
    the difference to it, and the names of the easiest and the hardest classes.

    Args:
        sheet: of kind complexity.
        results: the results folder.
        groups: those of section ``complexity`` that rows name.

    Raises:
        FD2Error: for a faulty sheet, a row given twice, a damaged result, results of one dataset
            that were made from different data, or a group that does not fit the dataset's classes.
    """
    listed = sheet.rows_of(ComplexityRow)
    require_rows([tuple(asdict(row).values()) for row in listed], sheet.path)
    sources = [
        Source(position, results / row.network.complexity(), "complexity_of", asdict(row.network))
        for position, row in enumerate(listed)
    ]
    files = read_results(sources, ("maps", "cells", "halves_by", "thresholds", "found"), _numbers)
    rows = pd.DataFrame([asdict(row) for row in listed])
    rows["published"] = rows["published"].astype(float)
    rows = rows.join(files.drop(columns=["row", "dataset"]))
    rows["preset"] = rows["preset"].fillna("")
    there = [
        _of_classes(line, groups[line["group"]] if line["group"] else None)
        if line["exists"]
        else {}
        for line in plain(rows)
    ]
    measured = ["classes", "activation", *_COUNTS, *_NAMES, *MEASURES]
    rows = rows.join(pd.DataFrame(there, rows.index, columns=measured))
    whole = dict.fromkeys(("classes", *_COUNTS), "Int64")
    rows["difference"] = [
        at[by] - published if isinstance(at, dict) else None
        for at, by, published in zip(
            rows["complexity"], rows["halves_by"], rows["published"], strict=True
        )
    ]
    rows["difference"] = rows["difference"].astype(float)
    frame = rows[[*_IDENTITY, *_FACTS]].astype(whole)
    known = rows["complexity"].dropna()
    for threshold in sorted({threshold for of_all in known for threshold in of_all}):
        for measure in MEASURES:
            numbers = [at.get(threshold) if isinstance(at, dict) else None for at in rows[measure]]
            frame[f"{measure}_{threshold:g}"] = pd.Series(numbers, frame.index, dtype=float)
    frame = frame.join(rows[[*_COMPARED, *_NAMES, "preset", "missing"]])
    return of_sheet(sheet, frame, [Grid({}, plain(rows))], rows)


def _numbers(record: Record) -> dict[str, Any]:
    """Facts, and what was found of each class in their order."""
    result = record.result
    thresholds = [float(threshold) for threshold in result["thresholds"]]
    height, width = result["map_cells"]
    found = [
        {
            "name": str(one["name"]),
            **{key: int(one[key]) for key in _COUNTS},
            "activation": float(one["activation"]),
            "complexity": [float(at) for _, at in zip(thresholds, one["complexity"], strict=True)],
        }
        for one in result["classes"]
    ]
    return {
        "maps": str(record.settings["maps"]),
        "cells": f"{height} × {width}",
        "halves_by": float(result["halves_by"]),
        "thresholds": thresholds,
        "found": found,
    }


def _of_classes(line: Mapping[str, Any], group: Mapping[str, Any] | None) -> dict[str, Any]:
    """Numbers of all classes, or of those of a group; measures by threshold, None of no class."""
    found, size = line["found"], None
    if group is not None:
        names = [one["name"] for one in found]
        found, size = [found[k] for k in members(group, names)], group["size"]
    complexity = [one["complexity"] for one in found]
    extremes = easy_and_hard(complexity, line["thresholds"].index(line["halves_by"]), size)

    def measure(positions: Iterable[int]) -> dict[float, float] | None:
        means = mean_complexity([complexity[position] for position in positions])
        return None if means is None else dict(zip(line["thresholds"], means, strict=True))

    called = ["; ".join(found[k]["name"] for k in positions) for positions in extremes]
    means = map(measure, (range(len(found)), *extremes))
    return {
        "classes": len(found),
        "activation": math.fsum(one["activation"] for one in found) / len(found),
        **{key: sum(one[key] for one in found) for key in _COUNTS},
        **dict(zip(_NAMES, called, strict=True)),
        **dict(zip(MEASURES, means, strict=True)),
    }
