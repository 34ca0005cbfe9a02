"""What the settings say of a sheet's row: which rows a table may compare, and which are repeats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fd2.config import plugins
from fd2.config.names import Cell, SetName, Teacher
from fd2.config.resolve import Configuration
from fd2.config.rows import StudentRow

#: What names an artefact; two rows that differ in nothing else have the same settings.
_NAMES = (
    *("dataset", "method", "fd2", "variant", "ipc", "student", "seed"),
    *("preset", "images_per_class", "kind"),
)


def row_facts(settings: Configuration, row: StudentRow) -> dict[str, str]:
    """Texts of a row that are equal to another row's where the settings are.

    Args:
        settings: the config.
        row: of a sheet of cells.

    Returns:
        Nothing for full data and for published numbers alone, else:
        ``initialisation``: the students' initial weights.
        ``labels``: how the images are labelled, with the teachers and their seeds.
        ``training``: how the students are trained, but for their seed.
        ``images``: how the images are made, with the teachers but not the images' own seeds.
        ``image_seeds``: these, of distillation and of the initial images. A selection of crops
        has the latter alone: RDED draws nothing else.
        ``labels_of_any_teacher``, ``images_of_any_teacher``: as above, but for the seeds and names
        of the teachers.
        ``teacher_seeds``: these, of labelling teachers and of those that distil, or that score
        crops of the method's own.
        ``without_fd2``: labels, training and images as they would be without FD², but for all
        seeds. How many images of a class are made together, N_s, is a setting of FD².
    """
    if row.ipc is None or not row.variant:
        return {}
    facts, label_seeds = _students(settings, row, row.fd2, row.ipc)
    images, distilling_seeds = _images(settings, row, row.fd2, row.ipc)
    plain, _ = _students(settings, row, "plain", row.ipc)
    plain_images, _ = _images(settings, row, "plain", row.ipc, slots=False)
    plain_texts = [plain["labels_of_any_teacher"], plain["training"]]
    return {
        **facts,
        **images,
        "teacher_seeds": _text([label_seeds, distilling_seeds]),
        "without_fd2": _text([*plain_texts, plain_images["images_of_any_teacher"]]),
    }


def _students(
    settings: Configuration, row: StudentRow, fd2: str, ipc: int
) -> tuple[dict[str, str], list[int]]:
    """Labels and training, and the seeds of the labelling teachers."""
    name = SetName(row.dataset, row.method, fd2, row.variant)
    student = settings.evaluate(Cell(name, ipc, row.student, seed=0))
    # The preset is no name here: it is written beside a student's own settings.
    training = {k: v for k, v in student.items() if k not in _NAMES or k == "preset"}
    facts = {"initialisation": str(student["initialisation"]), "training": _text(training)}
    if student["labels"] != "soft":
        own = student["labels"]
        return {**facts, "labels": own, "labels_of_any_teacher": own}, []
    relabel, teachers = settings.relabel(name, ipc), settings.relabel_teachers(name, ipc)
    trained, seeds = _without_seeds(settings, teachers)
    facts["labels"] = _text([relabel, [asdict(teacher) for teacher in teachers]])
    facts["labels_of_any_teacher"] = _text([relabel, trained])
    return facts, seeds


def _images(
    settings: Configuration, row: StudentRow, fd2: str, ipc: int, slots: bool = True
) -> tuple[dict[str, str], list[int]]:
    """How images are made, and the seeds of the teachers that a method or its crops look at."""
    name = SetName(row.dataset, row.method, fd2, row.variant)
    selects = plugins.load("methods", row.method).KIND != "optimisation"
    made = settings.whole_set(name, ipc) if selects else settings.distill(name, 0)
    patch_kind = settings.patch_kind(name)
    patches = {} if patch_kind is None else settings.patches(row.dataset, patch_kind)
    seeds = [] if selects and patches else [made["seed"]]
    seeds += [patches["seed"]] if patches else []
    dropped = _NAMES if slots else (*_NAMES, "slots")
    made = {key: value for key, value in made.items() if key not in dropped}
    patches = {key: value for key, value in patches.items() if key not in _NAMES}
    looking = settings.distill_teachers(name, ipc)
    if selects and patch_kind is not None:
        looking = [settings.patch_scorer(row.dataset, patch_kind)]
    # The training's name is not among the settings of distillation.
    teachers = [teacher.training for teacher in looking]
    trained, teacher_seeds = _without_seeds(settings, looking)
    facts = {
        "images": _text([teachers, made, patches]),
        "images_of_any_teacher": _text([trained, made, patches]),
        "image_seeds": _text(seeds),
    }
    return facts, teacher_seeds


def _without_seeds(
    settings: Configuration, teachers: Sequence[Teacher]
) -> tuple[list[dict[str, Any]], list[int]]:
    """The settings of each teacher but for its seed and its training's name, and the seeds."""
    trainings = [settings.pretrain(teacher) for teacher in teachers]
    seeds = [each["seed"] for each in trainings]
    return [
        {k: v for k, v in each.items() if k not in ("seed", "training")} for each in trainings
    ], seeds


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)
