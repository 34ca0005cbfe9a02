"""A table of time and memory per distillation iteration, measured beside published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fd2.artifacts.files import damaged
from fd2.artifacts.records import read_content
from fd2.config.cells import sheet_notes
from fd2.config.cost_sheets import IterationRow, read_iteration_sheet
from fd2.errors import FD2Error
from fd2.reporting.grids import Grid, Run, sources
from fd2.reporting.labels import row_label
from fd2.reporting.wording import MISSING, NO_SPREAD

_HEADER = (
    *("method", "first of a group (ms)", "last of a group (ms)", "published (ms)"),
    *("classes", "pixels", "peak memory (GiB)", "published (GB)", "device"),
)


@dataclass(frozen=True)
class Iteration:
    """One row with what was measured.

    Attributes:
        row: of the sheet.
        label: the method's name for readers.
        path: of the measurement; None for published numbers alone.
        slots: by ``first`` and ``last``, as `fd2.stages.measure_distill` writes them; empty while
            missing.
        classes, pixels: optimised together, and at which resolution.
        run: where the numbers come from.
    """

    row: IterationRow
    label: str
    path: Path | None
    slots: Mapping[str, Any]
    classes: int | None
    pixels: int | None
    run: Run | None

    def time(self, slot: str, statistic: str = "median") -> float | None:
        """Milliseconds; None where this slot was not measured."""
        found = self.slots.get(slot)
        return None if found is None else float(found["milliseconds"][statistic])

    @property
    def memory(self) -> tuple[str, float] | None:
        """``gpu`` or ``resident``, and the largest peak in GiB."""
        if not self.slots:
            return None
        peaks = [slot["peak_memory_mb"] for slot in self.slots.values()]
        kind = "gpu" if "gpu" in peaks[0] else "resident"
        return kind, max(peak[kind] for peak in peaks) / 1024


def iteration_table(sheet: Path, results: Path) -> tuple[pd.DataFrame, Grid]:
    """Read a sheet and every measurement of it that exists.

    Returns:
        A line a row with all numbers, and the grid to show.

    Raises:
        FD2Error: for a faulty sheet, or a damaged or misplaced measurement.
    """
    rows = [_read(row, results, str(sheet)) for row in read_iteration_sheet(sheet)]
    if not rows:
        raise FD2Error("the sheet has no rows", str(sheet), "add a row or take it off its list")
    runs = [row.run for row in rows if row.run is not None]
    absent = tuple(row.path for row in rows if row.path is not None and row.run is None)
    sentences = (*_caption(rows), *sources(runs, len(runs) + len(absent)), *sheet_notes(sheet))
    grid = Grid(sheet.stem, _HEADER, tuple(_words(row) for row in rows), sentences, absent)
    return pd.DataFrame([_record(row) for row in rows]), grid


def _read(row: IterationRow, results: Path, where: str) -> Iteration:
    if not row.variant:
        return Iteration(row, row.method, None, {}, None, None, None)
    label = row_label(row.method, row.fd2, row.variant, where)
    path = results / row.sources()[0]
    if not path.is_file():
        return Iteration(row, label, path, {}, None, None, None)
    content = read_content(path)
    names = {key: getattr(row, key) for key in ("dataset", "method", "fd2", "variant")}
    try:
        if content["measured"] != names:
            raise FD2Error(f"holds {content['measured']}", str(path), "delete it and run again")
        run = content["run"]
        protocol = content["settings"]["distill"]["protocol"]
        made = Run(run["device_name"], run["commit"], run["dirty"], protocol)
        classes, pixels = content["classes"], content["resolution"]
        return Iteration(row, label, path, content["slots"], classes, pixels, made)
    except (KeyError, TypeError) as error:
        raise damaged(path, f"{type(error).__name__} {error}") from error


def _caption(rows: Sequence[Iteration]) -> list[str]:
    datasets = ", ".join(dict.fromkeys(row.row.dataset for row in rows))
    sentences = [
        f"Milliseconds of one distillation iteration of one chunk of classes on {datasets}, after "
        "warm-up: median, and quartiles in brackets, over iterations, or over turns where teachers "
        "take turns; phases of other sizes count by their iterations.",
        "The first image of a group has no earlier ones; the last has all, and with FD² is kept "
        "away from each. A dash: both cost the same.",
    ]
    kinds = {row.memory[0] for row in rows if row.memory is not None}
    if "gpu" in kinds:
        sentences.append("GPU: timed by events in its stream; peak of allocated GPU memory.")
    if "resident" in kinds:
        sentences.append("CPU: wall clock; peak resident memory of the whole process.")
    return sentences


def _words(row: Iteration) -> tuple[str, ...]:
    there = row.run is not None
    absent = MISSING if row.path is not None and not there else NO_SPREAD
    memory = row.memory
    published = (row.row.published_ms, row.row.published_gb)
    shown_ms, shown_gb = (NO_SPREAD if value is None else f"{value:g}" for value in published)
    return (
        row.label,
        _times(row, "first") or absent,
        _times(row, "last") or NO_SPREAD,
        shown_ms,
        str(row.classes or NO_SPREAD),
        str(row.pixels or NO_SPREAD),
        absent if memory is None else f"{memory[1]:.2f}",
        shown_gb,
        NO_SPREAD if row.run is None else row.run.device_name,
    )


def _times(row: Iteration, slot: str) -> str:
    if (median := row.time(slot)) is None:
        return ""
    lower, upper = (row.time(slot, f"{side}_quartile") for side in ("lower", "upper"))
    return f"{median:.1f} ({lower:.1f} to {upper:.1f})"


def _record(row: Iteration) -> dict[str, object]:
    names = ("dataset", "method", "fd2", "variant")
    record: dict[str, object] = {name: getattr(row.row, name) for name in names}
    record["label"] = row.label
    for slot in ("first", "last"):
        for statistic in ("median", "lower_quartile", "upper_quartile"):
            record[f"{slot}_{statistic}_ms"] = row.time(slot, statistic)
    record |= {"published_ms": row.row.published_ms, "classes": row.classes, "pixels": row.pixels}
    kind, peak = row.memory or ("", None)
    record |= {"peak_memory_gib": peak, "memory": kind, "published_gb": row.row.published_gb}
    record["device"] = "" if row.run is None else row.run.device_name
    record["missing"] = f"snakemake {row.path}" if row.path is not None and not row.run else ""
    return record
