"""The other kind of sheet: teachers with counterfactual attention, each head beside its number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fd2.config.cells import published_numbers, sheet_header, sheet_lines

TEACHER_COLUMNS = ("dataset", "backbone", "published_backbone", "published_cal")


@dataclass(frozen=True)
class TeacherRow:
    """One teacher.

    Attributes:
        dataset, backbone: names from the config and the plug-in folder.
        published_backbone, published_cal: top-1 of either head in percent; see
            `fd2.config.cells.Row.published`.
    """

    dataset: str
    backbone: str
    published_backbone: tuple[float, ...]
    published_cal: tuple[float, ...]

    def source(self) -> str:
        """Path below the results folder of the file that holds both heads' numbers."""
        return f"teachers/{self.dataset}/{self.backbone}/cal.json"


def is_teacher_sheet(path: Path) -> bool:
    """Whether a sheet's header is `TEACHER_COLUMNS`.

    Raises:
        FD2Error: if there is no such sheet.
    """
    return sheet_header(path) == TEACHER_COLUMNS


def read_teacher_sheet(path: Path) -> list[TeacherRow]:
    """Read a sheet of teachers.

    Raises:
        FD2Error: a missing file or column, or a value that cannot be read, with the line.
    """
    return [
        TeacherRow(
            values["dataset"],
            values["backbone"],
            published_numbers(values["published_backbone"], place),
            published_numbers(values["published_cal"], place),
        )
        for place, values in sheet_lines(path, TEACHER_COLUMNS)
    ]
