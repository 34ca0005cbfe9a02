"""SRe²L++: images optimised for the class and the batch-norm statistics of one teacher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.methods._interface import Phase, Recipe

LABEL = "SRe²L++"
KIND = "optimisation"
SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "teachers",
        "patches",
        "iterations",
        "learning_rate",
        "adam_betas",
        "batch_norm_weight",
        "first_batch_norm_multiplier",
        "crop_scale",
        "maximum_roll",
    ],
    "properties": {
        "teachers": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {"$ref": "#/$defs/backbone"},
            "description": "The one teacher.",
        },
        "patches": {
            "type": "string",
            "enum": ["1x1", "2x2"],
            "description": "Initial images: one scored crop, or four tiled.",
        },
        "iterations": {"type": "integer", "minimum": 1, "description": "Adam steps per slot."},
        "learning_rate": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "Adam's learning rate at the start of the cosine, in normalised pixels.",
        },
        "adam_betas": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
            "description": "Adam's decay rates.",
        },
        "batch_norm_weight": {
            "type": "number",
            "minimum": 0,
            "description": "Weight of the batch-norm statistics term (r_bn).",
        },
        "first_batch_norm_multiplier": {
            "type": "number",
            "minimum": 0,
            "description": "Extra factor of the first batch-norm layer.",
        },
        "crop_scale": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            "description": "Smallest and largest area of the random crop.",
        },
        "maximum_roll": {
            "type": "integer",
            "minimum": 0,
            "description": "Largest roll (jitter) in pixels, down and right.",
        },
    },
}


def patch_kind(settings: Mapping[str, Any]) -> str | None:
    """The patches that the images start from."""
    return str(settings["patches"])


def recipe(settings: Mapping[str, Any], resolution: int) -> Recipe:
    """One phase at the working resolution.

    Args:
        settings: fits `SETTINGS_SCHEMA`.
        resolution: of the prepared data, in pixels.
    """
    return Recipe(
        phases=(Phase(resolution, settings["iterations"]),),
        learning_rate=settings["learning_rate"],
        betas=tuple(settings["adam_betas"]),
        batch_norm_weight=settings["batch_norm_weight"],
        first_batch_norm_multiplier=settings["first_batch_norm_multiplier"],
        crop_scale=tuple(settings["crop_scale"]),
        maximum_roll=settings["maximum_roll"],
    )
