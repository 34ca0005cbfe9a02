"""Sheets of what distillation costs: per iteration, measured, or over whole groups, as recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fd2.config.cells import published_numbers, sheet_header, sheet_lines
from fd2.errors import FD2Error

ITERATION_COLUMNS = ("dataset", "method", "fd2", "variant", "published_ms", "published_gb")
GROUP_COLUMNS = ("dataset", "method", "fd2", "variant", "ipc", "published_seconds", "label")


@dataclass(frozen=True)
class IterationRow:
    """Time and memory of one iteration of one method.

    Attributes:
        dataset, method, fd2, variant: as in `fd2.config.cells.Cell`; without a variant the row
            shows the published numbers alone, and ``method`` is any name.
        published_ms: milliseconds per iteration; None if unknown.
        published_gb: peak GPU memory in GB; None if unknown.
    """

    dataset: str
    method: str
    fd2: str
    variant: str
    published_ms: float | None
    published_gb: float | None

    def sources(self) -> list[str]:
        """Path below the results folder of our measurement; none for published numbers alone."""
        if not self.variant:
            return []
        return [f"measured/{self.dataset}/{self.method}/{self.fd2}/{self.variant}.json"]


@dataclass(frozen=True)
class GroupRow:
    """Time that the groups of one distilled set took.

    Attributes:
        dataset, method, fd2, variant: as in `fd2.config.cells.Cell`.
        ipc: images per class, the first groups' slots.
        published_seconds: for all iterations of one image of each class; None if unknown.
        label: what an ablation's row tries.
    """

    dataset: str
    method: str
    fd2: str
    variant: str
    ipc: int
    published_seconds: float | None
    label: str

    def source(self) -> str:
        """Path below the results folder of the set whose groups are counted."""
        folder = f"distilled/{self.dataset}/{self.method}/{self.fd2}/{self.variant}"
        return f"{folder}/ipc{self.ipc}.safetensors"


def is_cost_sheet(path: Path) -> bool:
    """Whether a sheet's header is `ITERATION_COLUMNS` or `GROUP_COLUMNS`.

    Raises:
        FD2Error: if there is no such sheet.
    """
    return sheet_header(path) in (ITERATION_COLUMNS, GROUP_COLUMNS)


def read_iteration_sheet(path: Path) -> list[IterationRow]:
    """Read a sheet with the columns `ITERATION_COLUMNS`; none of its rows if it has others.

    Raises:
        FD2Error: for a missing file, or a value that cannot be read, with the line.
    """
    if sheet_header(path) != ITERATION_COLUMNS:
        return []
    return [
        IterationRow(
            values["dataset"],
            values["method"],
            _fd2(values, where),
            values["variant"],
            _number(values["published_ms"], where),
            _number(values["published_gb"], where),
        )
        for where, values in sheet_lines(path, ITERATION_COLUMNS)
    ]


def read_group_sheet(path: Path) -> list[GroupRow]:
    """Read a sheet with the columns `GROUP_COLUMNS`; none of its rows if it has others.

    Raises:
        FD2Error: for a missing file, or a value that cannot be read, with the line.
    """
    if sheet_header(path) != GROUP_COLUMNS:
        return []
    return [
        GroupRow(
            values["dataset"],
            values["method"],
            _fd2(values, where),
            values["variant"],
            _count(values["ipc"], where),
            _number(values["published_seconds"], where),
            values["label"] or "",
        )
        for where, values in sheet_lines(path, GROUP_COLUMNS)
    ]


def _fd2(values: dict[str, str], where: str) -> str:
    if values["fd2"] not in ("plain", "fd2"):
        raise FD2Error(f"fd2 is '{values['fd2']}'", where, "allowed: plain, fd2")
    return values["fd2"]


def _count(text: str, where: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise FD2Error(f"ipc '{text}'", where, "give at least 1 image per class")
    return int(text)


def _number(text: str, where: str) -> float | None:
    numbers = published_numbers(text, where)
    if len(numbers) > 1:
        raise FD2Error(f"{len(numbers)} published numbers", where, "give at most one")
    return numbers[0] if numbers else None
