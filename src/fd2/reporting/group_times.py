"""A table of distillation time against group size, from the groups' own records."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fd2.artifacts.files import damaged
from fd2.artifacts.records import read_content
from fd2.config.cells import sheet_notes
from fd2.config.cost_sheets import GroupRow, read_group_sheet
from fd2.errors import FD2Error
from fd2.reporting.grids import Grid, Run, sources
from fd2.reporting.labels import row_label
from fd2.reporting.wording import MISSING, NO_SPREAD

_HEADER = (
    *("method", "an image of each class (s)", "relative", "published (s)", "relative"),
    *("all images (s)", "groups"),
)


@dataclass(frozen=True)
class GroupTimes:
    """One row with its groups' times.

    Attributes:
        row: of the sheet.
        label: the method's name and the sheet's label.
        path: of the distilled set.
        groups: seconds of each slot, group by group; empty while any group is missing.
        runs: where the numbers come from, one a group.
    """

    row: GroupRow
    label: str
    path: Path
    groups: tuple[tuple[float, ...], ...]
    runs: tuple[Run, ...]

    @property
    def per_slot(self) -> float | None:
        """Mean seconds of an image of each class over full groups, which is what is published."""
        full = [group for group in self.groups if len(group) == len(self.groups[0])]
        return statistics.fmean(s for group in full for s in group) if full else None

    @property
    def total(self) -> float | None:
        """Seconds of all slots of all groups, one after the other."""
        return sum(s for group in self.groups for s in group) if self.groups else None


def group_time_table(sheet: Path, results: Path) -> tuple[pd.DataFrame, Grid]:
    """Read a sheet and the records of its groups.

    Returns:
        A line a row with all numbers, and the grid to show.

    Raises:
        FD2Error: for a faulty sheet or a damaged record.
    """
    rows = [_read(row, results, str(sheet)) for row in read_group_sheet(sheet)]
    if not rows:
        raise FD2Error("the sheet has no rows", str(sheet), "add a row or take it off its list")
    runs = [run for row in rows for run in row.runs]
    absent = tuple(row.path for row in rows if not row.groups)
    datasets = ", ".join(dict.fromkeys(row.row.dataset for row in rows))
    sentences = (
        f"Seconds that the images took on {datasets}, from the records of their groups; without "
        "loading, and with the time before an interruption.",
        "Relative: to the first row of the same column.",
        *sources(runs, len(runs) + len(absent)),
        *sheet_notes(sheet),
    )
    lines = tuple(_words(row, rows[0]) for row in rows)
    grid = Grid(sheet.stem, _HEADER, lines, sentences, absent)
    return pd.DataFrame([_record(row) for row in rows]), grid


def _read(row: GroupRow, results: Path, where: str) -> GroupTimes:
    label = row_label(row.method, row.fd2, row.label or row.variant, where)
    path = results / row.source()
    groups: list[tuple[float, ...]] = []
    runs: list[Run] = []
    while sum(len(group) for group in groups) < row.ipc:
        file = path.with_name(f"group{len(groups)}.json")
        if not file.is_file():
            return GroupTimes(row, label, path, (), ())
        seconds, run = _parse(file, read_content(file))
        groups.append(seconds)
        runs.append(run)
    return GroupTimes(row, label, path, tuple(groups), tuple(runs))


def _parse(file: Path, content: Any) -> tuple[tuple[float, ...], Run]:
    try:
        run = content["run"]
        protocol = content["settings"]["protocol"]
        made = Run(run["device_name"], run["commit"], run["dirty"], protocol)
        seconds = tuple(float(value) for value in run["slot_seconds"])
    except (KeyError, TypeError) as error:
        raise damaged(file, f"{type(error).__name__} {error}") from error
    if not seconds:
        raise damaged(file, "no slots")
    return seconds, made


def _words(row: GroupTimes, first: GroupTimes) -> tuple[str, ...]:
    ours, published = row.per_slot, row.row.published_seconds
    return (
        row.label,
        MISSING if ours is None else f"{ours:.1f}",
        _relative(ours, first.per_slot),
        NO_SPREAD if published is None else f"{published:.1f}",
        _relative(published, first.row.published_seconds),
        MISSING if row.total is None else f"{row.total:.1f}",
        str(len(row.groups)) if row.groups else NO_SPREAD,
    )


def _relative(value: float | None, first: float | None) -> str:
    return f"{value / first:.3f}" if value is not None and first else NO_SPREAD


def _record(row: GroupTimes) -> dict[str, object]:
    names = ("dataset", "method", "fd2", "variant", "ipc")
    devices: Sequence[str] = sorted({run.device_name for run in row.runs})
    return {
        **{name: getattr(row.row, name) for name in names},
        "label": row.label,
        "seconds_per_slot": row.per_slot,
        "published_seconds": row.row.published_seconds,
        "total_seconds": row.total,
        "groups": len(row.groups),
        "device": ";".join(devices),
        "missing": "" if row.groups else f"snakemake {row.path}",
    }
