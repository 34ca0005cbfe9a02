"""What FADRM and FADRM+ share: phases at several sizes with an adjustable residual connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.errors import FD2Error
from fd2.methods._interface import Phase, Recipe
from fd2.methods._schema import closed, optimisation_recipe

#: Largest phase, as a multiple of the working resolution: more is blur at the price of a GPU.
_LARGEST = 2
RESIDUAL: dict[str, Any] = {
    "phases": {
        "type": "array",
        "minItems": 1,
        "items": closed(
            {
                "size": {
                    "type": "integer",
                    "minimum": 16,
                    "description": "Height and width of the images in pixels.",
                },
                "iterations": {"type": "integer", "minimum": 1, "description": "Adam steps."},
            }
        ),
        "description": "Sizes and Adam steps one after the other, each with an Adam of its own, "
        "under one cosine; the last has the dataset's resolution, none more than twice that.",
    },
    "residual_keep": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "Share of the images that is kept when the initial patch is merged in "
        "between two phases (alpha); 1 merges nothing.",
    },
}


def residual_recipe(
    settings: Mapping[str, Any], resolution: int, method: str, *, teachers_in_turn: bool
) -> Recipe:
    """Phases that each end, but for the last, in a merge with the initial patch.

    Args:
        settings: of the method.
        resolution: of the prepared data, in pixels.
        method: its name, for errors.
        teachers_in_turn: one teacher per iteration, round-robin over all phases.

    Raises:
        FD2Error: if the phases do not fit the resolution; names the key.
    """
    keep = float(settings["residual_keep"])
    phases = tuple(Phase(one["size"], one["iterations"], keep) for one in settings["phases"])
    _require_fitting(phases, resolution, f"setting 'distill.methods.{method}.phases'")
    return optimisation_recipe(settings, phases, teachers_in_turn=teachers_in_turn)


def _require_fitting(phases: tuple[Phase, ...], resolution: int, where: str) -> None:
    last = phases[-1].size
    if last != resolution:
        raise FD2Error(
            f"the last phase has {last} pixels, the data {resolution}",
            f"{where}.{len(phases) - 1}.size",
            f"give the last phase size {resolution}, and scale the others with it",
        )
    for number, phase in enumerate(phases):
        if phase.size > _LARGEST * resolution:
            raise FD2Error(
                f"a phase has {phase.size} pixels, the data {resolution}",
                f"{where}.{number}.size",
                f"give at most {_LARGEST * resolution}",
            )
