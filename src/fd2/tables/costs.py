"""Tables of what distillation costs: per iteration, measured, and per group, as recorded."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fd2.artifacts.files import damaged
from fd2.artifacts.records import Record, read_record
from fd2.config.rows import GroupRow, IterationRow
from fd2.config.sheets import Sheet
from fd2.tables.labels import row_label
from fd2.tables.records import Source, read_results, require_rows
from fd2.tables.render import Grid, Table, of_sheet, plain

_TIMES = tuple(
    f"{slot}_{statistic}_ms"
    for slot in ("first", "last")
    for statistic in ("median", "lower_quartile", "upper_quartile")
)


def iteration_table(sheet: Sheet, results: Path) -> Table:
    """Time and memory of an iteration beside the published, of every measurement that exists.

    Raises:
        FD2Error: for a faulty sheet, or a damaged or misplaced measurement.
    """
    listed = sheet.rows_of(IterationRow)
    require_rows([(*asdict(row).values(),) for row in listed], sheet.path)
    sources = [
        Source(
            position,
            results / path,
            "measured",
            {name: getattr(row, name) for name in ("dataset", "method", "fd2", "variant", "ipc")},
        )
        for position, row in enumerate(listed)
        for path in row.sources([])
    ]
    columns = (*_TIMES, "classes", "pixels", "peak_memory_gib", "memory", "selection")
    files = read_results(sources, columns, _iteration)
    rows = pd.DataFrame([asdict(row) for row in listed])
    # A row of published numbers alone names no variant, and any method.
    rows["label"] = [
        row_label(row.method, row.fd2, row.variant, str(sheet.path)) if row.variant else row.method
        for row in listed
    ]
    rows = rows.join(files.set_index("row").drop(columns="dataset"))
    rows["missing"] = rows["missing"].fillna("")
    frame = rows[
        [
            *("dataset", "method", "fd2", "variant", "ipc", "label", *_TIMES, "published_ms"),
            *("classes", "pixels", "peak_memory_gib", "memory", "published_gb"),
            *("device", "missing"),
        ]
    ]
    frame = frame.astype({"classes": "Int64", "pixels": "Int64"})
    return _table(sheet, frame, rows, files)


def _iteration(record: Record) -> dict[str, Any]:
    iterations = record.content["iterations"]
    numbers: dict[str, Any] = {
        f"{slot}_{statistic}_ms": float(value)
        for slot, measured in iterations.items()
        for statistic, value in measured["milliseconds"].items()
    }
    peaks = [measured["peak_memory_mb"] for measured in iterations.values()]
    memory = "gpu" if "gpu" in peaks[0] else "resident"
    return {
        **numbers,
        "classes": int(record.content["classes"]),
        "pixels": record.content["resolution"],
        "memory": memory,
        # Its time is of a hundred images.
        "selection": "images" in iterations["first"],
        "peak_memory_gib": max(peak[memory] for peak in peaks) / 1024,
    }


def group_table(sheet: Sheet, results: Path) -> Table:
    """Time of the groups of distilled sets, from their own records, beside the published.

    Raises:
        FD2Error: for a faulty sheet or a damaged record.
    """
    listed = sheet.rows_of(GroupRow)
    require_rows([(*asdict(row).values(),) for row in listed], sheet.path)
    rows = pd.DataFrame([asdict(row) for row in listed]).rename(columns={"label": "sheet_label"})
    rows["label"] = [
        row_label(row.method, row.fd2, row.label or row.variant, str(sheet.path)) for row in listed
    ]
    groups = [_groups(row, results) for row in listed]
    rows["path"] = [str(results / row.set_name.images(row.ipc)) for row in listed]
    rows["groups"] = [len(records) for records in groups]
    rows["seconds_per_slot"] = [_per_slot(records) for records in groups]
    seconds = [sum(sum(record.run.slot_seconds) for record in records) for records in groups]
    rows["total_seconds"] = pd.Series(seconds, dtype=float).where(rows["groups"] > 0)
    for name in ("seconds_per_slot", "published_seconds"):
        rows[name] = rows[name].astype(float)
        rows[f"relative_{name}"] = rows[name] / rows[name].iloc[0]
    rows["exists"] = rows["groups"] > 0
    rows["device"] = [
        ";".join(sorted({record.run.device_name for record in records})) for records in groups
    ]
    rows["missing"] = ("snakemake " + rows["path"]).where(~rows["exists"], "")
    files = pd.DataFrame(
        [
            (True, record.preset, record.run.device_name, record.run.source())
            for records in groups
            for record in records
        ],
        columns=["exists", "preset", "device", "commit"],
    )
    missing = rows.loc[~rows["exists"], ["exists", "missing"]]
    frame = rows[
        [
            *("dataset", "method", "fd2", "variant", "ipc", "label", "seconds_per_slot"),
            *("published_seconds", "total_seconds", "groups", "device", "missing"),
        ]
    ]
    return _table(sheet, frame, rows, pd.concat([files, missing]))


def _groups(row: GroupRow, results: Path) -> list[Record]:
    """Records of all groups of a set; none while any is missing."""
    folder = (results / row.set_name.images(row.ipc)).parent
    records: list[Record] = []
    while sum(len(record.run.slot_seconds) for record in records) < row.ipc:
        path = folder / f"group{len(records)}.json"
        if not path.is_file():
            return []
        record = read_record(path)
        if not record.run.slot_seconds:
            raise damaged(path, "no times of its images")
        records.append(record)
    return records


def _per_slot(records: list[Record]) -> float:
    """Mean seconds of an image of each class over full groups, which is what is published."""
    times = [record.run.slot_seconds for record in records]
    full = [seconds for group in times if len(group) == len(times[0]) for seconds in group]
    return float(np.mean(full)) if full else np.nan


def _table(sheet: Sheet, frame: pd.DataFrame, rows: pd.DataFrame, files: pd.DataFrame) -> Table:
    lines = plain(rows)
    datasets = list(dict.fromkeys(rows["dataset"]))
    return of_sheet(sheet, frame, [Grid({}, lines)], files, datasets=datasets, rows=lines)
