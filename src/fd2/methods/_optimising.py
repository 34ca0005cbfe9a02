"""What optimising methods share: their settings, and the recipes that these give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.errors import FD2Error
from fd2.methods._interface import Phase, Recipe


def closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a block that has exactly these keys."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": dict(properties),
    }


_PATCHES: dict[str, Any] = {
    "type": "string",
    "enum": ["1x1", "2x2"],
    "description": "Initial images: one scored crop, or four tiled.",
}
_OPTIMISATION: dict[str, Any] = {
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
        "ordered": True,
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
#: Largest phase, as a multiple of the working resolution: more is blur at the price of a GPU.
_LARGEST = 2
#: Properties of a method with phases at several sizes and FADRM's residual connection.
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


def optimising_schema(teachers: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Settings of a method whose images are optimised by Adam under a cosine schedule.

    ``own`` are properties of the method alone, e.g. its number of iterations.
    """
    return closed({"teachers": teachers, "patches": _PATCHES, **own, **_OPTIMISATION})


def teachers_schema(fewest: int, most: int | None, description: str) -> dict[str, Any]:
    """Schema of the key ``teachers``; with ``most`` None there may be any number of them."""
    upper = {} if most is None else {"maxItems": most}
    return {
        "type": "array",
        "minItems": fewest,
        **upper,
        "uniqueItems": True,
        "items": {"$ref": "#/$defs/backbone"},
        "description": description,
    }


def optimisation_recipe(
    settings: Mapping[str, Any], phases: tuple[Phase, ...], *, teachers_in_turn: bool = False
) -> Recipe:
    """The recipe that settings of `optimising_schema` give."""
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


def residual_recipe(
    settings: Mapping[str, Any], resolution: int, method: str, *, teachers_in_turn: bool
) -> Recipe:
    """Phases that each end, but for the last, in a merge with the initial patch.

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
