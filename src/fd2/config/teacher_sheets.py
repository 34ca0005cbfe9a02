"""The other kind of sheet: teachers with counterfactual attention, each head beside its number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fd2.config.cells import published_numbers, sheet_header, sheet_lines

TEACHER_COLUMNS = ("dataset", "backbone", "published_backbone", "published_cal")
VARIANT_TEACHER_COLUMNS = ("dataset", "backbone", "variant", *TEACHER_COLUMNS[2:])


@dataclass(frozen=True)
class TeacherRow:
    """One teacher.

    Attributes:
        dataset, backbone: names from the config and the plug-in folder.
        published_backbone, published_cal: top-1 of either head in percent; see
            `fd2.config.cells.Row.published`.
        variant: ``base``, or one that changes the teacher.
    """

    dataset: str
    backbone: str
    published_backbone: tuple[float, ...]
    published_cal: tuple[float, ...]
    variant: str = "base"

    @property
    def training(self) -> str:
        """``cal``, or ``cal-{variant}``."""
        return "cal" if self.variant == "base" else f"cal-{self.variant}"

    def source(self) -> str:
        """Path below the results folder of the file that holds both heads' numbers."""
        return f"teachers/{self.dataset}/{self.backbone}/{self.training}.json"


def is_teacher_sheet(path: Path) -> bool:
    """Whether a sheet's header is `TEACHER_COLUMNS` or `VARIANT_TEACHER_COLUMNS`.

    Raises:
        FD2Error: if there is no such sheet.
    """
    return sheet_header(path) in (TEACHER_COLUMNS, VARIANT_TEACHER_COLUMNS)


def read_teacher_sheet(path: Path) -> list[TeacherRow]:
    """Read a sheet of teachers.

    Raises:
        FD2Error: a missing file or column, or a value that cannot be read, with the line.
    """
    return [
        TeacherRow(
            values["dataset"],
            values["backbone"],
            published_numbers(values["published_backbone"], where),
            published_numbers(values["published_cal"], where),
            values.get("variant", "base"),
        )
        for where, values in sheet_lines(path, TEACHER_COLUMNS, VARIANT_TEACHER_COLUMNS)
    ]
