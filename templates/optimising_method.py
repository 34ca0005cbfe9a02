# Copy to src/fd2/methods/two_sizes.py, under a name of your own.
"""Images optimised at half the size first, then at full size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.methods._interface import Phase, Recipe

LABEL = "Two sizes"
KIND = "optimisation"
SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["teachers", "patches", "iterations", "learning_rate"],
    "properties": {
        "teachers": {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/$defs/backbone"},
            "description": "Teachers; the loss is their mean.",
        },
        "patches": {"type": "string", "enum": ["1x1", "2x2"], "description": "Initial images."},
        "iterations": {"type": "integer", "minimum": 2, "description": "Adam steps per slot."},
        "learning_rate": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "Adam's learning rate at the start of the cosine.",
        },
    },
}


def recipe(settings: Mapping[str, Any], resolution: int) -> Recipe:
    """Half of the steps at half the size.

    Args:
        settings: fits `SETTINGS_SCHEMA`.
        resolution: of the prepared data, in pixels.
    """
    first = settings["iterations"] // 2
    return Recipe(
        phases=(
            Phase(resolution // 2, first),
            Phase(resolution, settings["iterations"] - first),
        ),
        learning_rate=settings["learning_rate"],
        betas=(0.5, 0.9),
        batch_norm_weight=0.001,
        first_batch_norm_multiplier=10,
        crop_scale=(0.08, 1.0),
        maximum_roll=0,
    )
