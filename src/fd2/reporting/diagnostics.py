"""A sheet of diagnoses and the results that exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fd2.artifacts.files import damaged
from fd2.artifacts.provenance import same_manifest
from fd2.artifacts.records import read_content
from fd2.config.diagnostic_sheets import Diagnosis, read_diagnostic_sheet
from fd2.errors import FD2Error
from fd2.reporting.labels import set_label

#: The numbers by their names in the results, in the order of the table's columns.
MEASURES = (
    "intra_class_variance",
    "centre_distance",
    "nearest_centre_distance",
    "margin",
    "pairwise_distance",
    "group_coverage",
    "image_coverage",
)


@dataclass(frozen=True)
class Diagnosed:
    """The numbers of one set seen through one network.

    Attributes:
        measures: by `MEASURES`; None where a number is not defined, as variance at one image per
            class.
        group_size: images in a group.
        attention: ``cal`` or ``channel_mean``.
        protocol, manifest, device_name, commit, dirty: as in `fd2.reporting.results.Result`.
    """

    measures: Mapping[str, float | None]
    group_size: int
    attention: str
    protocol: str
    manifest: str
    device_name: str
    commit: str | None
    dirty: bool | None


@dataclass(frozen=True)
class DiagnosticEntry:
    """One row of the sheet.

    Attributes:
        row: of the sheet.
        label: the set's name for readers.
        path: of its numbers.
        found: the numbers; None while they are missing.
    """

    row: Diagnosis
    label: str
    path: Path
    found: Diagnosed | None

    @property
    def network(self) -> str:
        """The network's name for readers."""
        return f"{self.row.backbone} ({self.row.training})"


@dataclass(frozen=True)
class DiagnosticTable:
    """All rows of a sheet, in its order."""

    name: str
    entries: tuple[DiagnosticEntry, ...]

    @property
    def found(self) -> list[Diagnosed]:
        """The numbers that exist."""
        return [entry.found for entry in self.entries if entry.found is not None]

    @property
    def missing(self) -> list[Path]:
        """Files of the numbers that do not."""
        return [entry.path for entry in self.entries if entry.found is None]

    def pairs(self) -> list[tuple[DiagnosticEntry, DiagnosticEntry]]:
        """Rows with FD², each after its row without; both have numbers."""
        index = {entry.row: entry for entry in self.entries if entry.found is not None}
        found = []
        for row, entry in index.items():
            plain = Diagnosis(**{**vars(row), "fd2": "plain"})
            if row.fd2 == "fd2" and plain in index:
                found.append((index[plain], entry))
        return found


def build_diagnostic_table(sheet: Path, results: Path) -> DiagnosticTable:
    """Read a sheet of diagnoses and every result of it that exists.

    Raises:
        FD2Error: for a faulty sheet, a row given twice, a damaged result, or results of one
            dataset that were made from different data.
    """
    rows = read_diagnostic_sheet(sheet)
    if not rows:
        raise FD2Error("the sheet has no rows", str(sheet), "add a row or take it off 'tables'")
    for row in rows:
        if rows.count(row) > 1:
            raise FD2Error(f"row given twice: {row.path('json')}", str(sheet), "delete one")
    entries = tuple(_entry(row, results, str(sheet)) for row in rows)
    for dataset in {row.dataset for row in rows}:
        digests = {
            str(entry.path): entry.found.manifest
            for entry in entries
            if entry.row.dataset == dataset and entry.found is not None
        }
        if digests:
            same_manifest(digests)
    return DiagnosticTable(sheet.stem, entries)


def _entry(row: Diagnosis, results: Path, where: str) -> DiagnosticEntry:
    path = results / row.path("json")
    label = set_label(row.method, row.fd2, row.variant, where)
    return DiagnosticEntry(row, label, path, _read(path, row) if path.is_file() else None)


def _read(path: Path, row: Diagnosis) -> Diagnosed:
    content = read_content(path)
    try:
        if content["diagnosis"] != vars(row):
            raise FD2Error(
                f"holds the numbers of {content['diagnosis']}",
                str(path),
                "a result's path is its name: delete the file and run its stage again",
            )
        return _parse(content)
    except (KeyError, TypeError) as error:
        raise damaged(path, f"{type(error).__name__} {error}") from error


def _parse(content: Mapping[str, Any]) -> Diagnosed:
    result, run = content["result"], content["run"]
    return Diagnosed(
        {name: None if result[name] is None else float(result[name]) for name in MEASURES},
        int(result["group_size"]),
        str(result["attention"]),
        str(content["protocol"]),
        str(content["manifest"]),
        str(run["device_name"]),
        run["commit"],
        run["dirty"],
    )
