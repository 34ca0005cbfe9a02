"""Results as a frame: one row a file, with its numbers and where they come from."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fd2.artifacts.files import json_digest
from fd2.artifacts.provenance import same_manifest
from fd2.artifacts.records import Record, parsing, read_record
from fd2.config.settings import LEARNED
from fd2.errors import FD2Error

METRICS = ("top1", "balanced_top1")
#: Bytes of what a student is given, by their names in its record.
SIZES = ("image_bytes", "label_bytes", "rate_bytes")
#: Columns that every frame of results has; all but these three are empty where a file is missing.
PROVENANCE = (
    *("row", "path", "dataset"),
    *("preset", "tested_on", "remarks", "manifest", "settings"),
    *("device", "commit", "resolution", "channels"),
)


@dataclass(frozen=True)
class Source:
    """A file that should hold numbers of a sheet's row.

    Attributes:
        row: position in the sheet.
        path: the file.
        kind, identity: what it must be of; see `fd2.artifacts.records.Record`.
    """

    row: int
    path: Path
    kind: str
    identity: Mapping[str, Any]


def read_results(
    sources: Sequence[Source],
    columns: Sequence[str],
    numbers: Callable[[Record], Mapping[str, Any]],
) -> pd.DataFrame:
    """Read the files that exist.

    Returns:
        One row a source, in order: `PROVENANCE`, ``columns`` with the numbers of each record,
        ``exists``, and ``missing``: the command for a file that does not.

    Raises:
        FD2Error: if a file is damaged or is of something else, or if files of one dataset were made
            from different data.
    """
    lines = []
    for source in sources:
        line = {"row": source.row, "path": source.path, "dataset": source.identity["dataset"]}
        if source.path.is_file():
            record = read_record(source.path)
            record.require(source.kind, source.identity)
            with parsing(source.path):
                line |= numbers(record)
            line |= {
                "preset": record.preset,
                "tested_on": record.tested_on,
                "remarks": record.remarks,
                "manifest": record.manifest,
                "settings": json_digest(record.settings),
                "device": record.run.device_name,
                "commit": record.run.source(),
                "resolution": record.resolution,
                "channels": record.content.get("channels"),
            }
        lines.append(line)
    # Provenance as objects: one file that is missing must not make a fraction of a whole number.
    provenance = pd.DataFrame(lines, columns=list(PROVENANCE), dtype=object).astype({"row": int})
    frame = provenance.join(pd.DataFrame(lines, columns=list(columns)))
    frame["exists"] = frame["device"].notna()
    commands = "snakemake " + frame["path"].astype(str).map(shlex.quote)
    frame["missing"] = commands.where(~frame["exists"], "")
    for _, files in frame[frame["exists"]].groupby("dataset"):
        same_manifest(dict(zip(files["path"].astype(str), files["manifest"], strict=True)))
    return frame


def student_numbers(record: Record) -> dict[str, Any]:
    """Accuracies of a cell's student at its last epoch, in percent, and what it was trained on.

    Records of before bytes were written have none.
    """
    last, settings = record.result["last"], record.settings
    sizes = record.content.get("bytes", {})
    return {
        **{metric: float(last[metric]) for metric in METRICS},
        "epoch": int(last["epoch"]),
        "initialisation": str(settings["initialisation"]),
        "on_pictures": bool(settings["pictures"]),
        "learned": [key for key in ("labels", "learning_rate") if settings[key] == LEARNED],
        **{name: float(sizes[name]) for name in SIZES if name in sizes},
        "moved": record.content.get("moved"),
    }


def teacher_numbers(record: Record, head: str = "backbone") -> dict[str, Any]:
    """Accuracies in percent of a teacher as distillation uses it, which labels by ``backbone``."""
    result = record.result
    return {
        **{metric: float(result["chosen"][head][metric]) for metric in METRICS},
        "epoch": int(result["last"]["epoch"]),
        "majority_top1": float(result["majority_class_top1"]),
        "chosen_on_test": result["selected"] == "best_on_test",
    }


def require_rows(names: Sequence[tuple[object, ...]], sheet: Path) -> None:
    """Refuse a sheet without rows, or with a row given twice, by what makes each row another.

    Raises:
        FD2Error: with the row that is given twice.
    """
    if not names:
        raise FD2Error("the sheet has no rows", str(sheet), "add a row or take it off its list")
    for name in names:
        if names.count(name) > 1:
            words = ",".join("" if word is None else str(word) for word in name)
            raise FD2Error(f"row given twice: {words}", str(sheet), "delete one of the two")
