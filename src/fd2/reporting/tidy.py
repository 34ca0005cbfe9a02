"""A table as tidy data: one line a row of the sheet."""

from __future__ import annotations

import pandas as pd

from fd2.reporting.results import METRICS
from fd2.reporting.table import Entry, Table


def tidy(table: Table) -> pd.DataFrame:
    """One line a sheet row, accuracies in percent.

    Returns:
        Columns: the row's names and label, ``seeds`` asked for, ``n`` found, mean and sample
        standard deviation of both metrics (empty where unknown), ``published``, ``difference``,
        ``protocol`` (several joined by ``;``), and ``missing``: the command for what is not there.
    """
    frame = pd.DataFrame([_record(entry) for entry in table.entries])
    return frame.astype({"ipc": "Int64"})


def _record(entry: Entry) -> dict[str, object]:
    row = entry.row
    record: dict[str, object] = {
        "dataset": row.dataset,
        "method": row.method,
        "fd2": row.fd2,
        "variant": row.variant,
        "ipc": row.ipc,
        "student": row.student,
        "label": entry.label,
        "seeds": entry.asked,
        "n": len(entry.results),
    }
    for metric in METRICS:
        record[f"{metric}_mean"] = entry.mean(metric)
        record[f"{metric}_std"] = entry.std(metric)
    record["published"] = row.published
    record["difference"] = entry.difference()
    record["protocol"] = ";".join(sorted({result.protocol for result in entry.results}))
    paths = " ".join(str(path) for path in entry.missing)
    record["missing"] = f"snakemake {paths}" if paths else ""
    return record
