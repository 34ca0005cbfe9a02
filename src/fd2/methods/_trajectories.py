"""What trajectory-matching methods share: their settings, and the recipes that these give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.errors import FD2Error
from fd2.methods._optimising import closed, teachers_schema
from fd2.trajectories.recipe import Enhancement, StartEpochs, TrajectoryRecipe

_WHOLE = {"type": "integer", "minimum": 1}
_EPOCH = {"type": "integer", "minimum": 0}
_RATE = {"type": "number", "exclusiveMinimum": 0}
_MOMENTUM = {"type": "number", "minimum": 0, "exclusiveMaximum": 1}

SETTINGS_SCHEMA: dict[str, Any] = closed(
    {
        "network": {
            "$ref": "#/$defs/backbone",
            "description": "Of experts and students; without batch norm.",
        },
        "experts": closed(
            {
                "count": {**_WHOLE, "description": "Experts, numbered from 0."},
                "variant": {
                    "type": ["string", "null"],
                    "description": "Whose section train_expert they have; null: the set's own, "
                    "where it changes that section, else base.",
                },
            }
        ),
        "iterations": {
            "type": "integer",
            "minimum": 0,
            "description": "Each of one student; with 0 the set stays as it started.",
        },
        "inner_steps": {**_WHOLE, "description": "N, of a student."},
        "expert_epochs": {**_WHOLE, "description": "M, from a student's start to its target."},
        "start_epochs": closed(
            {
                "least": {**_EPOCH, "description": "First epoch that a student starts at."},
                "first": {
                    "type": ["integer", "null"],
                    "minimum": 1,
                    "description": "End of the range at the beginning, exclusive; null: as most.",
                },
                "most": {**_WHOLE, "description": "End of the range at last, exclusive."},
                "widened_until": {
                    **_EPOCH,
                    "description": "Iteration at which the end has slid there; 0: fixed range.",
                },
            }
        ),
        "batch_synthetic": {
            "type": ["integer", "null"],
            "minimum": 1,
            "description": "Images of a student's step; null: all.",
        },
        "initial_images": {
            "type": "string",
            "enum": ["real", "correct"],
            "description": "Real images to start from; correct: that an expert is right about.",
        },
        "labels": {
            "type": "string",
            "enum": ["hard", "learned"],
            "description": "Class labels, or logits, which start as the experts' and are learned.",
        },
        "augmentation": {
            "$ref": "#/$defs/augmentation",
            "description": "Operations, of which one is drawn for each step; none for none.",
        },
        "images_learning_rate": {**_RATE, "description": "Of the images' SGD, normalised pixels."},
        "images_momentum": {**_MOMENTUM, "description": "Of the images' SGD."},
        "labels_learning_rate": {**_RATE, "description": "Of the labels' SGD."},
        "labels_momentum": {**_MOMENTUM, "description": "Of the labels' SGD."},
        "initial_rate": {**_RATE, "description": "Students' learning rate, before it is learned."},
        "rate_learning_rate": {**_RATE, "description": "Of that rate's SGD."},
        "rate_momentum": {**_MOMENTUM, "description": "Of that rate's SGD."},
        "threshold": {
            "type": ["number", "null"],
            "exclusiveMinimum": 0,
            "description": "A student whose distance is larger changes nothing; null: none.",
        },
        "dropped_share": {
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 1,
            "description": "α: of the parameters, those that do not count (EDF).",
        },
        "dropped_parameters": {
            "type": "string",
            "enum": ["smallest", "largest", "random", "uniform", "first", "middle", "last"],
            "description": "Which: those nearest to the target (EDF) or farthest from it; at "
            "random for each student, or once the same share of each layer; or the network's "
            "first, middle or last.",
        },
        "enhancement": closed(
            {
                "beta": {
                    "type": ["number", "null"],
                    "minimum": 0,
                    "description": "β: pixels that a teacher's activation map stresses move β plus "
                    "the map's value times as far (EDF); null: no enhancement.",
                },
                "interval": {**_WHOLE, "description": "Iterations between two looks at the maps."},
                "threshold": {
                    "type": ["number", "null"],
                    "exclusiveMinimum": 0,
                    "exclusiveMaximum": 1,
                    "description": "What a map stresses is above it; null: above the map's mean.",
                },
                "maps": {
                    "type": "string",
                    "enum": ["grad_cam", "smooth_grad_cam"],
                    "description": "Grad-CAM, or SmoothGradCAM++.",
                },
            }
        ),
        "teachers": teachers_schema(0, 1, "Plain teacher of the maps; none without enhancement."),
        "memory": {
            "type": "string",
            "enum": ["graph", "sweep", "tesla"],
            "description": "graph keeps all steps of a student in memory; sweep gives the same in "
            "one step's; tesla leaves out how later steps depend on earlier ones.",
        },
        "images_at_once": {
            "type": ["integer", "null"],
            "minimum": 1,
            "description": "Images of a step that are passed through the network together, the "
            "same to rounding; null: all. A step of sweep and tesla has so many in memory.",
        },
    }
)


def recipe(settings: Mapping[str, Any], images_per_class: int) -> TrajectoryRecipe:
    """The recipe of settings, at any number of images per class.

    Raises:
        FD2Error: for a range of start epochs that is empty or shrinks, or an enhancement without a
            teacher.
    """
    del images_per_class
    values = {key: value for key, value in settings.items() if key not in ("experts", "teachers")}
    values["soft_labels"] = values.pop("labels") == "learned"
    values["augmentation"] = tuple(values["augmentation"])
    values["start_epochs"] = _start_epochs(values["start_epochs"])
    enhancement = dict(values.pop("enhancement"))
    if enhancement["beta"] is None:
        return TrajectoryRecipe(**values, enhancement=None)
    if not settings["teachers"]:
        raise FD2Error(
            "an enhancement without a teacher, whose activation maps it needs",
            "setting 'enhancement.beta'",
            "name one in 'teachers', or set beta to null",
        )
    return TrajectoryRecipe(**values, enhancement=Enhancement(**enhancement))


def learns(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """What a set has beside images: students' rate, and labels where they are learned."""
    return ("labels", "rate") if settings["labels"] == "learned" else ("rate",)


def _start_epochs(values: Mapping[str, Any]) -> StartEpochs:
    first = values["most"] if values["first"] is None else values["first"]
    found = StartEpochs(values["least"], first, values["most"], values["widened_until"])
    if not found.least < found.first <= found.most:
        raise FD2Error(
            f"students start from epoch {found.least} to below {found.first}, later {found.most}",
            "setting 'start_epochs'",
            "let least < first <= most",
        )
    return found
