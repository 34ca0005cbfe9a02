"""Classes that arrive in steps: the settings of students, and of teachers, that learn them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fd2.config.datasets import refuse_whitened
from fd2.config.imported_labels import brings_labels
from fd2.config.names import Cell, Teacher
from fd2.config.settings import EvaluateSettings, PretrainSettings, RelabelSettings
from fd2.errors import FD2Error

if TYPE_CHECKING:
    from fd2.config.resolve import Configuration

STAGE = "learn_continually"


@dataclass(frozen=True)
class ContinualSettings:
    """Students of a set's classes, from scratch at each step.

    Attributes:
        steps: in which the classes arrive.
        evaluate: the student; its seed draws the order of the classes, too.
        relabel: of the soft labels that teachers give at each step; None for other labels.
    """

    steps: int
    evaluate: EvaluateSettings
    relabel: RelabelSettings | None


@dataclass(frozen=True)
class ContinualTeacherSettings:
    """Teachers on all real training images of the classes that have arrived.

    Attributes:
        steps: in which the classes arrive.
        pretrain: the teacher; its seed draws the order of the classes, too.
    """

    steps: int
    pretrain: PretrainSettings


def continual_settings(settings: Configuration, cell: Cell, steps: int) -> dict[str, Any]:
    """Settings of a cell's student that learns its classes in steps.

    Raises:
        FD2Error: as `Configuration.evaluate`, and for soft labels that are to be stored in fewer
            bytes, or that an imported set brings: those of a step are given anew, and not stored;
            and for whitened images, whose whitening is of all classes.
    """
    refuse_whitened(settings.values["datasets"][cell.set_name.dataset], cell.continual(steps))
    evaluate = settings.evaluate(cell)
    relabel = None
    if evaluate["labels"] == "soft":
        if brings_labels(settings, cell.set_name, cell.ipc):
            raise FD2Error(
                "the soft labels that a set brings mix images of all classes, and classes arrive "
                "in steps",
                f"'distill.methods.imported.soft_labels' for {cell.continual(steps)}",
                "a variant without it, whose teachers label at each step, or with "
                "'evaluate.labels: hard'",
            )
        relabel = settings.relabel(cell.set_name, cell.ipc)
        if relabel["storage"] is not None:
            raise FD2Error(
                "soft labels in fewer bytes for classes that arrive in steps",
                f"sections 'relabel' for {cell.continual(steps)}",
                "leave 'relabel.top_k' and 'stored_epochs' null and 'bits' 16 there: teachers "
                "label at each step, and nothing is stored",
            )
    return {"steps": steps, "evaluate": evaluate, "relabel": relabel}


def continual_teacher_settings(
    settings: Configuration, teacher: Teacher, steps: int, seed: int
) -> dict[str, Any]:
    """Settings of a teacher that learns all real images of its classes in steps.

    Raises:
        FD2Error: for whitened images.
    """
    where = teacher.continual(steps, seed)
    refuse_whitened(settings.values["datasets"][teacher.dataset], where)
    return {"steps": steps, "pretrain": {**settings.pretrain(teacher), "seed": seed}}
