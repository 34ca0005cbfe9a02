"""Whether the parts of a row of scores are what the scores are defined by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.config.names import Cell
from fd2.config.resolve import Configuration
from fd2.config.rows import ScoreRow
from fd2.errors import FD2Error


def check_scores(settings: Configuration, row: ScoreRow, where: str) -> None:
    """Refuse parts that differ in more than their labels, or their augmentation.

    Args:
        settings: the config.
        row: whose names are known.
        where: the row stands, for the error.

    Raises:
        FD2Error: for a variant with images of its own; ``hard`` without class labels; or
            ``unaugmented`` with augmentation, or with other labels than the row's variant.
    """
    students: dict[str, dict[str, Any]] = {}
    for role, part in row.students().items():
        if part.ipc is None:
            continue
        students[role] = settings.evaluate(Cell(part.set_name, part.ipc, part.student, seed=0))
        own = settings.set_at(part.set_name, "distill").variant
        if own != settings.set_at(row.set_name, "distill").variant:
            raise FD2Error(
                f"variant '{part.variant}' has images of its own",
                where,
                f"name one that changes labels or students of '{row.variant}' alone",
            )
    if (labels := students["hard"]["labels"]) != "hard":
        raise FD2Error(
            f"students of variant '{row.hard or row.variant}' learn from '{labels}' labels",
            where,
            "name in column 'hard' a variant with 'evaluate.labels: hard'",
        )
    plain = students.get("unaugmented")
    if plain is None:
        return
    if is_augmented(plain):
        raise FD2Error(
            f"students of variant '{row.unaugmented}' see augmented images",
            where,
            "name in column 'unaugmented' one with 'evaluate.direct.augmentation: []', or, under "
            "protocol 'decoupled', 'relabel.crop_scale' and 'relabel.cutmix_alpha' null",
        )
    if plain["labels"] != students["own"]["labels"]:
        raise FD2Error(
            f"students of variant '{row.unaugmented}' learn from '{plain['labels']}' labels, those "
            f"of '{row.variant}' from '{students['own']['labels']}'",
            where,
            "name in column 'unaugmented' a variant that changes augmentation alone",
        )


def is_augmented(student: Mapping[str, Any]) -> bool:
    """Whether a student sees images cropped, flipped, mixed or changed otherwise.

    Args:
        student: its settings.
    """
    if student["direct"] is not None:
        return bool(student["direct"]["augmentation"])
    return student["crop_scale"] is not None or student["cutmix_alpha"] is not None
