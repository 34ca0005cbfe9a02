"""Where a row's images come from: which rows have other sets by the same settings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fd2.config import plugins
from fd2.config.cells import Row
from fd2.config.resolve import Configuration
from fd2.config.teacher_seeds import without_seeds

#: What names a row or a part of it; two rows that differ in nothing else make images alike.
_NAMES = ("dataset", "method", "fd2", "variant", "protocol", "images_per_class", "kind", "seed")


@dataclass(frozen=True)
class _Parts:
    """What makes a row's images; without teachers for a selection."""

    teachers: str | None
    teachers_of_any_seed: list[dict[str, Any]]
    teacher_seeds: list[int]
    made: dict[str, Any]
    patches: dict[str, Any]
    seeds: list[int]


def image_set(settings: Configuration, row: Row) -> dict[str, Any] | None:
    """How a row's images are made, and by which random numbers, as plain values.

    Args:
        settings: the config.
        row: of a sheet of cells.

    Returns:
        ``recipe``, a text that is equal where the settings of distillation and initial images are,
        but for their seeds, and ``seeds``, these: of distillation, and of the initial images where
        there are some. A selection of initial images has their seed alone: RDED draws nothing
        itself, so that another seed of distillation would give the same set.
        ``recipe_of_any_seed`` is equal also where the distilling teachers have other seeds, and
        ``teacher_seeds`` are these; none distils a selection. ``without_fd2`` is such a
        text for the row without FD²; how many images of a class are made together, N_s, is a
        setting of FD² and no part of it. None for full data.
    """
    if row.ipc is None:
        return None
    own = _parts(settings, row, row.fd2, row.ipc)
    plain = own if row.fd2 == "plain" else _parts(settings, row, "plain", row.ipc)
    made = {key: value for key, value in plain.made.items() if key != "slots"}
    return {
        # The teachers' name is not among the settings of distillation, and hard labels do not tell
        # it either.
        "recipe": _text([own.teachers, own.made, own.patches]),
        "seeds": own.seeds,
        "recipe_of_any_seed": _text([own.teachers_of_any_seed, own.made, own.patches]),
        "teacher_seeds": own.teacher_seeds,
        "without_fd2": _text([plain.teachers_of_any_seed, made, plain.patches]),
    }


def _parts(settings: Configuration, row: Row, fd2: str, ipc: int) -> _Parts:
    names = (row.dataset, row.method, fd2, row.variant)
    selects = plugins.load("methods", row.method).KIND == "selection"
    made = settings.select_images(*names, ipc) if selects else settings.distill(*names, 0)
    patch_kind = settings.patch_kind(*names)
    patches = {} if patch_kind is None else settings.patches(row.dataset, patch_kind)
    seeds = [patches["seed"]] if patches else []
    if not (patches and selects):
        seeds.insert(0, made["seed"])
    name: str | None = None
    trained: list[dict[str, Any]] = []
    of_teachers: list[int] = []
    if not selects:
        name = settings.training_name(fd2, row.variant)
        teachers = settings.distill_teachers(*names)
        trained, of_teachers = without_seeds(settings, row.dataset, teachers, name)
    return _Parts(name, trained, of_teachers, _unnamed(made), _unnamed(patches), seeds)


def _unnamed(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in _NAMES}


def _text(values: list[Any]) -> str:
    return json.dumps(values, sort_keys=True)
