"""What rows gave on earlier data of their dataset, beside what they give on the present one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fd2.artifacts.earlier import EarlierData, earlier_data
from fd2.artifacts.manifests import MANIFEST, Manifest, read_manifest
from fd2.config.rows import StudentRow
from fd2.tables.records import METRICS

#: Values of the setting ``earlier_data`` that are no digest.
NONE, LAST = "none", "last"
_STATISTICS = tuple(f"earlier_{metric}_{name}" for metric in METRICS for name in ("mean", "sd"))
#: Of the csv, in order.
COLUMNS = (
    *("earlier_data", "earlier_prepared", "earlier_training_images", "earlier_n"),
    *_STATISTICS,
    "earlier_settings",
)
#: Of those, the ones that are text; the others are numbers, and NaN where there are none.
TEXTS = ("earlier_data", "earlier_prepared", "earlier_settings")
#: The results of some rows below a results folder, see `fd2.tables.records.read_results`.
Read = Callable[[Sequence[StudentRow], Path], pd.DataFrame]


def earlier_columns(
    rows: Sequence[StudentRow], present: pd.DataFrame, results: Path, choice: str, read: Read
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Numbers of each row on earlier data, and what that data is.

    Args:
        rows: of the sheet.
        present: their results, as of ``read``.
        results: the results folder.
        choice: the setting ``earlier_data``: none, the last data before the present one, or what
            digest the data has, as in its path.
        read: gives results of rows, numbered by their positions among these.

    Returns:
        `COLUMNS` by the rows' positions, and of each dataset that has such results its names,
        dates and numbers of images, for the caption.

    Raises:
        FD2Error: if a manifest or a result is damaged.
    """
    numbers = pd.DataFrame(index=pd.RangeIndex(len(rows)), columns=list(COLUMNS), dtype=object)
    told = []
    for dataset in dict.fromkeys(row.dataset for row in rows if row.variant):
        path = results / "data" / dataset / MANIFEST
        if choice == NONE or not path.is_file():
            continue
        manifest = read_manifest(path)
        data = _chosen(earlier_data(results, dataset), manifest, choice)
        positions = [number for number, row in enumerate(rows) if row.dataset == dataset]
        if data is None:
            continue
        files = read([rows[number] for number in positions], data.folder)
        files = files[files["exists"]].copy()
        files["row"] = [positions[number] for number in files["row"]]
        if files.empty:
            continue
        _fill(numbers, files, present, data)
        told.append(_told(data, manifest))
    kinds = {name: str if name in TEXTS else float for name in COLUMNS}
    return numbers.fillna(dict.fromkeys(TEXTS, "")).astype(kinds), told


def _chosen(known: Sequence[EarlierData], present: Manifest, choice: str) -> EarlierData | None:
    others = [one for one in known if one.manifest.digest() != present.digest()]
    found = [one for one in others if choice in (LAST, one.digest)]
    return found[-1] if found else None


def _fill(
    numbers: pd.DataFrame, files: pd.DataFrame, present: pd.DataFrame, data: EarlierData
) -> None:
    now = present[present["exists"]].groupby("row")["settings"].agg(set)
    for position, own in files.groupby("row"):
        values: dict[str, Any] = {
            "earlier_data": data.digest,
            "earlier_prepared": data.prepared,
            "earlier_training_images": len(data.manifest.files["train"]),
            "earlier_n": len(own),
        }
        for metric in METRICS:
            values[f"earlier_{metric}_mean"] = own[metric].mean()
            values[f"earlier_{metric}_sd"] = own[metric].std() if len(own) > 1 else np.nan
        if position in now.index:
            same = set(own["settings"]) <= now[position]
            values["earlier_settings"] = "same" if same else "other"
        numbers.loc[position, list(values)] = list(values.values())


def _told(data: EarlierData, present: Manifest) -> dict[str, Any]:
    counts = {}
    for name, manifest in (("then", data.manifest), ("now", present)):
        counts[name] = {split: len(files) for split, files in manifest.files.items()}
    return {
        "dataset": present.dataset,
        "digest": data.digest,
        "prepared": data.prepared,
        **counts,
        "same_test": data.manifest.files["test"] == present.files["test"],
    }
