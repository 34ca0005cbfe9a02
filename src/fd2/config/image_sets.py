"""Where a row's images come from: which rows have other sets by the same settings."""

from __future__ import annotations

import json
from typing import Any

from fd2.config import plugins
from fd2.config.cells import Row
from fd2.config.resolve import Configuration
from fd2.config.teacher_seeds import without_seeds

#: What names a row or a part of it; two rows that differ in nothing else make images alike.
_NAMES = ("dataset", "method", "fd2", "variant", "protocol", "images_per_class", "kind", "seed")


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
        ``teacher_seeds`` are these; none distils a selection. None for full data.
    """
    if row.ipc is None:
        return None
    names = (row.dataset, row.method, row.fd2, row.variant)
    selects = plugins.load("methods", row.method).KIND == "selection"
    made = settings.select_images(*names, row.ipc) if selects else settings.distill(*names, 0)
    patch_kind = settings.patch_kind(*names)
    patches = {} if patch_kind is None else settings.patches(row.dataset, patch_kind)
    seeds = [patches["seed"]] if patches else []
    if not (patches and selects):
        seeds.insert(0, made["seed"])
    apart = [_unnamed(made), _unnamed(patches)]
    name: str | None = None
    trained: list[dict[str, Any]] = []
    of_teachers: list[int] = []
    if not selects:
        # Not among the settings of distillation, and hard labels do not tell it either.
        name = settings.recipe_name(row.fd2, row.variant)
        teachers = settings.distill_teachers(*names)
        trained, of_teachers = without_seeds(settings, row.dataset, teachers, name)
    return {
        "recipe": _text([name, *apart]),
        "seeds": seeds,
        "recipe_of_any_seed": _text([trained, *apart]),
        "teacher_seeds": of_teachers,
    }


def _unnamed(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in _NAMES}


def _text(values: list[Any]) -> str:
    return json.dumps(values, sort_keys=True)
