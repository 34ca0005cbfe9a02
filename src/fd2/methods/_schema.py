"""Settings that optimising methods share: their schema, and the recipe that they give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.methods._interface import Phase, Recipe

#: Of every method whose images are optimised under a cosine schedule by Adam.
OPTIMISATION: dict[str, Any] = {
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
    "mixed_precision": {
        "type": "boolean",
        "description": "Networks compute in half precision: float16 with loss scaling on a GPU, "
        "bfloat16 on a CPU.",
    },
}
PATCHES: dict[str, Any] = {
    "type": "string",
    "enum": ["1x1", "2x2"],
    "description": "Initial images: one scored crop, or four tiled.",
}


def teachers(fewest: int, most: int | None, description: str) -> dict[str, Any]:
    """Schema of the key ``teachers``.

    Args:
        fewest: number of teachers at least.
        most: at most, or None.
        description: a sentence.
    """
    upper = {} if most is None else {"maxItems": most}
    return {
        "type": "array",
        "minItems": fewest,
        **upper,
        "uniqueItems": True,
        "items": {"$ref": "#/$defs/backbone"},
        "description": description,
    }


def closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a block that has exactly these keys."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": dict(properties),
    }


def optimisation_recipe(
    settings: Mapping[str, Any], phases: tuple[Phase, ...], *, teachers_in_turn: bool = False
) -> Recipe:
    """A recipe with the values of `OPTIMISATION`.

    Args:
        settings: of the method.
        phases: sizes and iterations.
        teachers_in_turn: see `Recipe`.
    """
    return Recipe(
        phases=phases,
        learning_rate=settings["learning_rate"],
        betas=tuple(settings["adam_betas"]),
        batch_norm_weight=settings["batch_norm_weight"],
        first_batch_norm_multiplier=settings["first_batch_norm_multiplier"],
        crop_scale=tuple(settings["crop_scale"]),
        maximum_roll=settings["maximum_roll"],
        teachers_in_turn=teachers_in_turn,
        mixed_precision=settings["mixed_precision"],
    )
