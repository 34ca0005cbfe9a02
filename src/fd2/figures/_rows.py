"""What figures share: the schema of their rows, their input paths, class names. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fd2.config.cells import Cell
from fd2.errors import FD2Error, suggest
from fd2.reporting.labels import row_label

DATASET: dict[str, Any] = {"type": "string", "description": "A dataset of the config."}
IPC: dict[str, Any] = {"type": "integer", "minimum": 1, "description": "Images per class."}
SLOTS: dict[str, Any] = {
    "type": "integer",
    "minimum": 1,
    "description": "How many distilled images of each class to show, at most the figure's ipc.",
}
CLASS: dict[str, Any] = {"type": "string", "description": "Name of the class to show."}
TEACHER: dict[str, Any] = {
    "$ref": "#/$defs/backbone",
    "description": "Backbone of the teacher with attention head that looks at the images.",
}
CLASSES: dict[str, Any] = {
    "type": ["array", "object", "null"],
    "minItems": 1,
    "items": {"type": "string"},
    "additionalProperties": False,
    "required": ["first", "count", "step"],
    "properties": {
        "first": {
            "type": "integer",
            "minimum": 0,
            "description": "Id of the first class.",
        },
        "count": {"type": "integer", "minimum": 1, "description": "How many classes."},
        "step": {"type": "integer", "minimum": 1, "description": "From one id to the next."},
    },
    "description": "Names of the classes to show, or ids {first, count, step}; null: the first 8.",
}
FIRST_CLASSES = 8
ROWS: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "description": "What to compare, in this order.",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["method", "fd2", "variant"],
        "description": "One method.",
        "properties": {
            "method": {"type": "string", "description": "A file of src/fd2/methods."},
            "fd2": {
                "type": "string",
                "enum": ["plain", "fd2"],
                "description": "Without or with FD².",
            },
            "variant": {"type": "string", "description": "base, or a variant of the config."},
        },
    },
}


def labels(spec: Mapping[str, Any]) -> list[str]:
    """The rows' names for readers.

    Raises:
        FD2Error: for an unknown method.
    """
    return [
        row_label(row["method"], row["fd2"], row["variant"], f"figure of kind '{spec['kind']}'")
        for row in spec["rows"]
    ]


def row_key(position: int) -> str:
    """The input name of a row's files, as rules and ``draw`` use it."""
    return f"row{position}"


def distilled_inputs(spec: Mapping[str, Any]) -> dict[str, list[str]]:
    """Paths below the results folder: each row's distilled set, and the manifest."""
    dataset, ipc = spec["dataset"], spec["ipc"]
    paths = {
        row_key(position): [
            f"distilled/{dataset}/{row['method']}/{row['fd2']}/{row['variant']}"
            f"/ipc{ipc}.safetensors"
        ]
        for position, row in enumerate(spec["rows"])
    }
    return {**paths, "manifest": [f"data/{dataset}/manifest.json"]}


def cell_inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Paths below the results folder: each row's cells, one a seed."""
    return {
        row_key(position): [
            Cell(
                spec["dataset"],
                row["method"],
                row["fd2"],
                row["variant"],
                spec["ipc"],
                spec["student"],
                seed,
            ).path()
            for seed in seeds
        ]
        for position, row in enumerate(spec["rows"])
    }


def check_slots(spec: Mapping[str, Any]) -> None:
    """Refuse to show more slots than are distilled.

    Raises:
        FD2Error: if ``slots`` is above ``ipc``.
    """
    if spec["slots"] > spec["ipc"]:
        raise FD2Error(
            f"slots {spec['slots']} with ipc {spec['ipc']}",
            f"figure of kind '{spec['kind']}' on dataset '{spec['dataset']}'",
            f"ask for at most {spec['ipc']} slots or raise ipc",
        )


def chosen_classes(
    chosen: Sequence[str] | Mapping[str, int] | None, classes: Sequence[str], where: str
) -> list[int]:
    """The ids of the classes to show.

    Args:
        chosen: fits `CLASSES`.
        classes: the manifest's, in id order.
        where: where they were chosen, for the error.

    Raises:
        FD2Error: for an unknown name, or an id that is not there.
    """
    if chosen is None:
        return list(range(min(FIRST_CLASSES, len(classes))))
    if not isinstance(chosen, Mapping):
        return class_ids(chosen, classes, where)
    ids = [chosen["first"] + k * chosen["step"] for k in range(chosen["count"])]
    if ids[-1] >= len(classes):
        raise FD2Error(
            f"class id {ids[-1]} with {len(classes)} classes",
            where,
            f"ids go from 0 to {len(classes) - 1}: lower first, count or step",
        )
    return ids


def class_ids(names: Sequence[str], classes: Sequence[str], where: str) -> list[int]:
    """The ids of classes by name.

    Args:
        names: the wanted classes.
        classes: the manifest's, in id order.
        where: where the names were read, for the error.

    Raises:
        FD2Error: for an unknown name, with the nearest one and all.
    """
    ids = {name: position for position, name in enumerate(classes)}
    for name in names:
        if name not in ids:
            raise FD2Error(f"unknown class '{name}'", where, suggest(name, classes))
    return [ids[name] for name in names]
