"""The table of a sheet of detection: mean average precision of detectors on real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from fd2.artifacts.provenance import same_manifest
from fd2.artifacts.records import Record
from fd2.config.names import FULL_DATA
from fd2.config.rows import DetectionRow
from fd2.config.sheets import Sheet
from fd2.report.intervals import CONFIDENCE
from fd2.tables.labels import REAL_IMAGES_LABEL, row_label
from fd2.tables.records import Source, read_results, require_rows
from fd2.tables.render import Grid, Table, of_sheet, plain

#: In percent, by their names in the results.
METRICS = ("map", "map50")
_FACTS = ("images", "boxes", "tested_images", "scenes_manifest")
_IDENTITY = ["dataset", "method", "fd2", "variant", "ipc", "scenes", "annotator", "detector"]
_STATISTICS = ("mean", "sd", "half_width")


def detection_table(sheet: Sheet, results: Path, seeds: Sequence[int]) -> Table:
    """Read a sheet of detection and every result of it that exists.

    Raises:
        FD2Error: for a faulty sheet, a row given twice, a damaged result, or results of one
            dataset, or of one name of scenes, that were made from different data.
    """
    listed = sheet.rows_of(DetectionRow)
    rows = pd.DataFrame([asdict(row) for row in listed]).rename(columns={"label": "sheet_label"})
    require_rows([tuple(row) for row in rows[_IDENTITY].itertuples(index=False)], sheet.path)
    files = read_results(_sources(listed, seeds, results), (*_FACTS, *METRICS), _numbers)
    existing = files[files["exists"]]
    for _, own in existing.groupby(rows["scenes"].reindex(existing["row"]).array):
        same_manifest(dict(zip(own["path"].astype(str), own["scenes_manifest"], strict=True)))
    rows["label"] = [_label(row, str(sheet.path)) for row in listed]
    rows = rows.join(_statistics(files).reindex(rows.index))
    missing = files[~files["exists"]]
    commands = missing["path"].astype(str).groupby(missing["row"]).agg(" ".join)
    rows["missing"] = ("snakemake " + commands).reindex(rows.index).fillna("")
    frame = rows[_columns()].astype(
        dict.fromkeys(("ipc", "asked", "n", "images", "boxes"), "Int64")
    )
    return of_sheet(sheet, frame, [Grid({}, plain(rows))], files, seeds=list(seeds))


def _columns() -> list[str]:
    """Of the csv, in order."""
    names = [*_IDENTITY, "label", "asked", "n", "images", "boxes"]
    names += [f"{metric}_{name}" for metric in METRICS for name in _STATISTICS]
    return [*names, "missing"]


def _sources(rows: Sequence[DetectionRow], seeds: Sequence[int], results: Path) -> list[Source]:
    return [
        Source(position, results / detector.path(), "detection", detector.fields())
        for position, row in enumerate(rows)
        for detector in row.detectors(list(seeds))
    ]


def _numbers(record: Record) -> dict[str, Any]:
    result = record.result
    return {
        **{name: int(result[name]) for name in ("images", "boxes", "tested_images")},
        **{metric: float(result[metric]) for metric in METRICS},
        "scenes_manifest": str(record.content["scenes_manifest"]),
    }


def _label(row: DetectionRow, where: str) -> str:
    if row.method == FULL_DATA:
        return row.label or REAL_IMAGES_LABEL
    return row_label(row.method, row.fd2, row.label or row.variant, where)


def _statistics(files: pd.DataFrame) -> pd.DataFrame:
    """Over the seeds of each row; images and boxes are those of all its detectors."""
    by_row = files.groupby("row")
    found = pd.DataFrame({"asked": by_row.size(), "n": by_row["exists"].sum()})
    found[["images", "boxes"]] = by_row[["images", "boxes"]].first()
    for metric in METRICS:
        values = by_row[metric]
        count = values.count()
        found[f"{metric}_mean"], found[f"{metric}_sd"] = values.mean(), values.std()
        quantile = stats.t.ppf((1 + CONFIDENCE) / 2, (count - 1).where(count > 1))
        found[f"{metric}_half_width"] = found[f"{metric}_sd"] / np.sqrt(count) * quantile
    return found
