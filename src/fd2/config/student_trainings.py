"""What a row's students learn from, apart from the images: which rows differ in images alone."""

from __future__ import annotations

import json
from typing import Any

from fd2.config.cells import Row
from fd2.config.resolve import Configuration
from fd2.config.teacher_seeds import without_seeds

#: What names a cell; two rows that differ in nothing else train their students alike.
_NAMES = ("dataset", "method", "fd2", "variant", "ipc", "student", "seed")


def student_training(settings: Configuration, row: Row) -> dict[str, Any] | None:
    """The labels of a row's images and the training on them, as plain values.

    Args:
        settings: the config.
        row: of a sheet of cells.

    Returns:
        ``labels`` and ``training``, texts that are equal where the settings are,
        ``labels_of_any_seed``, likewise but for the seeds of the labelling teachers,
        ``teacher_seeds``, these, and ``teachers``, their backbones; none with hard labels.
        ``without_fd2`` is a text of ``labels_of_any_seed`` and ``training`` as they are for the row
        without FD². None for full data.
    """
    if row.ipc is None:
        return None
    own = _of_row(settings, row, row.fd2, row.ipc)
    plain = own if row.fd2 == "plain" else _of_row(settings, row, "plain", row.ipc)
    shared = {key: plain[key] for key in ("labels_of_any_seed", "training")}
    return {**own, "without_fd2": _text(shared)}


def _of_row(settings: Configuration, row: Row, fd2: str, ipc: int) -> dict[str, Any]:
    names = (row.dataset, row.method, fd2, row.variant, ipc)
    student = settings.evaluate(*names, row.student, seed=0)
    training = _text({key: value for key, value in student.items() if key not in _NAMES})
    if student["labels"] == "hard":
        hard = dict.fromkeys(("labels", "labels_of_any_seed"), "hard")
        return {**hard, "training": training, "teachers": [], "teacher_seeds": []}
    own = settings.relabel(*names)
    teachers = settings.relabel_teachers(*names)
    of_teachers = settings.training_name(fd2, row.variant)
    trained, seeds = without_seeds(settings, row.dataset, teachers, of_teachers)
    return {
        "labels": _text({**own, "teachers": teachers, "training": of_teachers}),
        "labels_of_any_seed": _text({**own, "teachers": trained}),
        "training": training,
        "teachers": teachers,
        "teacher_seeds": seeds,
    }


def _text(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)
