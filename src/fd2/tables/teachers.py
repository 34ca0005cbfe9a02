"""The table of a sheet of teachers: both heads beside the published numbers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fd2.artifacts.records import Record
from fd2.config.rows import TeacherRow
from fd2.config.sheets import Sheet
from fd2.tables.records import METRICS, Source, read_results, require_rows, teacher_numbers
from fd2.tables.render import Grid, Table, of_sheet, plain

HEADS = ("backbone", "cal")
_COLUMNS = (
    *("attention_maps", "cal_ratio", "accuracy", "majority_top1", "chosen_on_test"),
    *(f"{head}_{metric}" for head in HEADS for metric in METRICS),
)


def teacher_table(sheet: Sheet, results: Path) -> Table:
    """Read a sheet of teachers and every result of it that exists.

    Raises:
        FD2Error: for a faulty sheet, a teacher given twice, a damaged result, or teachers of one
            dataset that were trained on different data.
    """
    listed = sheet.rows_of(TeacherRow)
    require_rows([(row.dataset, row.backbone, row.variant) for row in listed], sheet.path)
    sources = [
        Source(position, results / row.teacher.path("json"), "teacher", asdict(row.teacher))
        for position, row in enumerate(listed)
    ]
    files = read_results(sources, _COLUMNS, _numbers)
    rows = pd.DataFrame([asdict(row) for row in listed])
    rows = rows.join(files.drop(columns=["row", "dataset"]))
    for head in HEADS:
        numbers = [(*pair, np.nan)[0] for pair in rows[f"published_{head}"]]
        rows[f"{head}_published"] = pd.Series(numbers, rows.index, dtype=float)
        rows[f"{head}_difference"] = rows[f"{head}_top1"] - rows[f"{head}_published"]
    rows["preset"] = rows["preset"].fillna("")
    frame = rows[_csv_columns()].astype({"attention_maps": "Int64"})
    return of_sheet(sheet, frame, [Grid({}, plain(rows))], rows)


def _csv_columns() -> list[str]:
    names = ["dataset", "backbone", "variant", "attention_maps", "cal_ratio"]
    for head in HEADS:
        names += [f"{head}_{end}" for end in (*METRICS, "published", "difference")]
    return [*names, "preset", "missing"]


def _numbers(record: Record) -> dict[str, Any]:
    attention = record.settings.get("cal") or {}
    heads = {head: teacher_numbers(record, head) for head in HEADS}
    return {
        **{name: attention.get(name) for name in ("attention_maps", "cal_ratio")},
        "accuracy": record.settings.get("accuracy"),
        **heads["backbone"],
        **{f"{head}_{metric}": heads[head][metric] for head in HEADS for metric in METRICS},
    }
