"""A sheet of teachers and the results that exist: both heads beside the published numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fd2.artifacts.provenance import same_manifest
from fd2.config.cells import sheet_notes
from fd2.config.teacher_sheets import TeacherRow, read_teacher_sheet
from fd2.errors import FD2Error
from fd2.reporting.agreement import TEACHER_POINTS, agreement
from fd2.reporting.labels import BASE_VARIANT
from fd2.reporting.results import Result, Source, read_result


@dataclass(frozen=True)
class Head:
    """One head of one teacher.

    Attributes:
        name: ``backbone`` or ``cal``.
        result: its accuracies; None while the teacher is missing.
        published: top-1 in percent.
    """

    name: str
    result: Result | None
    published: tuple[float, ...]

    @property
    def top1(self) -> float | None:
        """In percent; None while the teacher is missing."""
        return None if self.result is None else self.result.top1

    def difference(self) -> float | None:
        """Our top-1 minus the published one, where both exist."""
        return None if self.top1 is None or not self.published else self.top1 - self.published[0]

    def agreement(self) -> str:
        """The verdict; one teacher has no spread, so a fixed tolerance decides."""
        return agreement(self.difference(), TEACHER_POINTS)


@dataclass(frozen=True)
class Teacher:
    """One line of the table.

    Attributes:
        row: of the sheet.
        path: of its results.
        heads: the backbone's and the attention head.
    """

    row: TeacherRow
    path: Path
    heads: tuple[Head, Head]

    @property
    def result(self) -> Result | None:
        """Provenance and settings; None while the teacher is missing."""
        return self.heads[0].result


@dataclass(frozen=True)
class TeacherTable:
    """All teachers of a sheet, in its order; ``notes`` are the sheet's own, as sentences."""

    name: str
    teachers: tuple[Teacher, ...]
    notes: tuple[str, ...] = ()

    @property
    def results(self) -> list[Result]:
        """Of the teachers that exist."""
        return [teacher.result for teacher in self.teachers if teacher.result is not None]

    @property
    def missing(self) -> list[Path]:
        """Files of the teachers that do not."""
        return [teacher.path for teacher in self.teachers if teacher.result is None]


def build_teacher_table(sheet: Path, results: Path) -> TeacherTable:
    """Read a sheet of teachers and every result of it that exists.

    Raises:
        FD2Error: for a faulty sheet, a teacher given twice, a damaged result, or teachers of one
            dataset that were trained on different data.
    """
    rows = read_teacher_sheet(sheet)
    if not rows:
        raise FD2Error("the sheet has no rows", str(sheet), "add a row or take it off 'tables'")
    names = [(row.dataset, row.backbone, row.variant) for row in rows]
    for name in names:
        if names.count(name) > 1:
            words = ",".join(word for word in name if word != BASE_VARIANT)
            raise FD2Error(f"teacher given twice: {words}", str(sheet), "delete one of the two")
    teachers = tuple(_teacher(row, results) for row in rows)
    _check_data(teachers)
    return TeacherTable(sheet.stem, teachers, sheet_notes(sheet))


def _teacher(row: TeacherRow, results: Path) -> Teacher:
    path = results / row.source()
    identity = {"dataset": row.dataset, "backbone": row.backbone, "training": row.training}
    published = {"backbone": row.published_backbone, "cal": row.published_cal}
    backbone, cal = (
        Head(
            head,
            read_result(Source(path, "teacher", identity, head)) if path.is_file() else None,
            numbers,
        )
        for head, numbers in published.items()
    )
    return Teacher(row, path, (backbone, cal))


def _check_data(teachers: Sequence[Teacher]) -> None:
    for dataset in {teacher.row.dataset for teacher in teachers}:
        digests = {
            str(teacher.path): teacher.result.manifest
            for teacher in teachers
            if teacher.row.dataset == dataset and teacher.result is not None
        }
        if digests:
            same_manifest(digests)
