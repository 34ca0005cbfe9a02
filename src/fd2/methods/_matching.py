"""What matching methods share: their settings, and the recipes that these give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.matching.recipe import MatchRecipe
from fd2.methods._optimising import closed

_WHOLE = {"type": "integer", "minimum": 1}
_RATE = {"type": "number", "exclusiveMinimum": 0}
_COMMON: dict[str, Any] = {
    "network": {"$ref": "#/$defs/backbone", "description": "Without batch norm."},
    "iterations": {
        "type": "integer",
        "minimum": 0,
        "description": "Networks that the images are matched in; with 0 they stay as they started.",
    },
    "images_learning_rate": {**_RATE, "description": "Of the images' SGD, in normalised pixels."},
    "images_momentum": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "description": "Of the images' SGD.",
    },
    "batch_real": {**_WHOLE, "description": "Real images of a class in a step."},
    "initial_images": {
        "type": "string",
        "enum": ["real", "noise"],
        "description": "What the images start from.",
    },
    "augmentation": {
        "$ref": "#/$defs/augmentation",
        "description": "Operations, of which one is drawn for each class and step; none for none.",
    },
    "class_by_class": {
        "type": "boolean",
        "description": "One class at a time: less memory, the same numbers but for rounding.",
    },
}
_REAL_FEATURES: dict[str, Any] = {
    "mixed_precision": {
        "type": "boolean",
        "description": "Whether real images, through which no gradient flows, pass the network in "
        "bfloat16.",
    },
    "compile": {"$ref": "#/$defs/compile", "description": "Of the features of real images."},
}
_TRAINED: dict[str, Any] = {
    "outer_loops": {
        "type": ["integer", "null"],
        "minimum": 1,
        "description": "Steps of the images in one network; null takes as many as the public code.",
    },
    "inner_epochs": {
        "type": ["integer", "null"],
        "minimum": 1,
        "description": "Epochs of the network's training between two steps; null likewise.",
    },
    "network_learning_rate": {**_RATE, "description": "Of the network's training, by plain SGD."},
    "batch_synthetic": {**_WHOLE, "description": "Images of a step of the network's training."},
}
#: Steps in a network and epochs between them by images per class, in the code of DC and DSA.
_LOOPS = {1: (1, 1), 10: (10, 50), 20: (20, 25), 30: (30, 20), 40: (40, 15), 50: (50, 10)}
_EPOCHS_IN_ALL = 500

FEATURE_SCHEMA = closed({**_COMMON, **_REAL_FEATURES})
GRADIENT_SCHEMA = closed({**_COMMON, **_TRAINED})


def feature_recipe(settings: Mapping[str, Any]) -> MatchRecipe:
    """The recipe of settings of `FEATURE_SCHEMA`: networks are not trained."""
    return _recipe("features", settings)


def gradient_recipe(settings: Mapping[str, Any], images_per_class: int) -> MatchRecipe:
    """The recipe of settings of `GRADIENT_SCHEMA`.

    The public code has loops for six budgets alone. For others there are as many steps in a network
    as images per class, and 500 epochs between them in all: our own choice.
    """
    between = max(1, round(_EPOCHS_IN_ALL / images_per_class))
    outer, inner = _LOOPS.get(images_per_class, (images_per_class, between))
    given = {key: value for key, value in settings.items() if value is not None}
    return _recipe("gradients", {"outer_loops": outer, "inner_epochs": inner, **given})


def _recipe(objective: str, values: Mapping[str, Any]) -> MatchRecipe:
    return MatchRecipe(objective, **{**values, "augmentation": tuple(values["augmentation"])})
