"""SRe²L++: images optimised for the class and the batch-norm statistics of one teacher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.methods._interface import Phase, Recipe
from fd2.methods._optimising import optimisation_recipe, optimising_schema, teachers_schema

LABEL = "SRe²L++"
KIND = "optimisation"
SETTINGS_SCHEMA = optimising_schema(
    teachers_schema(1, 1, "The one teacher."),
    {"iterations": {"type": "integer", "minimum": 1, "description": "Adam steps per slot."}},
)


def recipe(settings: Mapping[str, Any], resolution: int) -> Recipe:
    """One phase at the resolution, in pixels, of the prepared data."""
    return optimisation_recipe(settings, (Phase(resolution, settings["iterations"]),))
