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
        ``teacher_seeds``, these, and ``teachers``, their backbones; none with hard labels. None
        for full data.
    """
    if row.ipc is None:
        return None
    names = (row.dataset, row.method, row.fd2, row.variant, row.ipc)
    student = settings.evaluate(*names, row.student, seed=0)
    training = _text({key: value for key, value in student.items() if key not in _NAMES})
    if student["labels"] == "hard":
        hard = dict.fromkeys(("labels", "labels_of_any_seed"), "hard")
        return {**hard, "training": training, "teachers": [], "teacher_seeds": []}
    own = settings.relabel(*names)
    teachers = settings.relabel_teachers(*names)
    recipe = settings.recipe_name(row.fd2, row.variant)
    trained, seeds = without_seeds(settings, row.dataset, teachers, recipe)
    return {
        "labels": _text({**own, "teachers": teachers, "recipe": recipe}),
        "labels_of_any_seed": _text({**own, "teachers": trained}),
        "training": training,
        "teachers": teachers,
        "teacher_seeds": seeds,
    }


def _text(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)
