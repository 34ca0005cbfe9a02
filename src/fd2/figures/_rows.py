"""What kinds of figures share: settings, input paths, and which classes to show. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fd2.config.names import FULL_DATA, Cell, SetName, Teacher
from fd2.errors import FD2Error, require_known
from fd2.tables.labels import set_label

FIRST_CLASSES = 8
_STRING: dict[str, Any] = {"type": "string"}
_POSITIVE: dict[str, Any] = {"type": "integer", "minimum": 1}


def _closed(description: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "description": description,
        "properties": properties,
    }


_ROW = _closed(
    "One method.",
    {
        "method": {**_STRING, "description": "A file of src/fd2/methods."},
        "fd2": {**_STRING, "enum": ["plain", "fd2"], "description": "Without or with FD²."},
        "variant": {**_STRING, "description": "base, or a variant of the config."},
    },
)
_CLASSES = _closed(
    "Names of the classes to show, or ids {first, count, step}; null: the first 8.",
    {
        "first": {"type": "integer", "minimum": 0, "description": "Id of the first class."},
        "count": {**_POSITIVE, "description": "How many classes."},
        "step": {**_POSITIVE, "description": "From one id to the next."},
    },
)
_SHARED: dict[str, dict[str, Any]] = {
    "dataset": {**_STRING, "description": "A dataset of the config."},
    "ipc": {**_POSITIVE, "description": "Images per class."},
    "student": {**_STRING, "description": "The students' backbone."},
    "teacher": {
        "$ref": "#/$defs/backbone",
        "description": "Backbone of the teacher with attention head that looks at the images.",
    },
    "backbone": {**_STRING, "description": "Backbone of the network that looks."},
    "training": {
        **_STRING,
        "description": "Its training as in its file's name, such as cal or plain.",
    },
    "class": {**_STRING, "description": "Name of the class to show."},
    "classes": {
        **_CLASSES,
        **{"type": ["array", "object", "null"], "minItems": 1, "items": _STRING},
    },
    "slots": {
        **_POSITIVE,
        "description": "How many distilled images of each class to show, at most the figure's ipc.",
    },
    "rows": {
        **{"type": "array", "minItems": 1, "items": _ROW},
        "description": "What to compare, in this order.",
    },
}


def schema(description: str, *shared: str, **others: dict[str, Any]) -> dict[str, Any]:
    """The schema of a figure's entry in the config, from keys that several kinds have and others.

    Every key is required. Those that several have: dataset, ipc, student, teacher, backbone,
    training, class, classes, slots, rows.
    """
    return _closed(description, {key: _SHARED[key] for key in shared} | others)


def distilled_inputs(spec: Mapping[str, Any]) -> dict[str, list[str]]:
    """Each row's distilled set, and the manifest."""
    dataset = spec["dataset"]
    return _by_row([SetName(dataset, **row).images(spec["ipc"])] for row in spec["rows"]) | {
        "manifest": [f"data/{dataset}/manifest.json"]
    }


def attention_inputs(spec: Mapping[str, Any]) -> dict[str, list[str]]:
    """As `distilled_inputs`, and the teacher with attention head."""
    teacher = Teacher(spec["dataset"], spec["teacher"], "cal")
    return {**distilled_inputs(spec), "teacher": [teacher.path()]}


def cell_inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Each row's cells, one a seed."""
    return _by_row(
        [
            Cell(SetName(spec["dataset"], **row), spec["ipc"], spec["student"], seed).path()
            for seed in seeds
        ]
        for row in spec["rows"]
    )


def diagnosis_inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Each row's diagnosis, and the manifest; a row's method may be ``full``, the real images."""
    network = Teacher(spec["dataset"], spec["backbone"], spec["training"])
    names = [SetName(spec["dataset"], **row) for row in spec["rows"]]
    return _by_row(
        [name.diagnosis(None if name.method == FULL_DATA else spec["ipc"], network)]
        for name in names
    ) | {"manifest": [f"data/{spec['dataset']}/manifest.json"]}


def _by_row(paths: Iterator[list[str]]) -> dict[str, list[str]]:
    return {f"row{position}": of_row for position, of_row in enumerate(paths)}


def labels(spec: Mapping[str, Any]) -> list[str]:
    """The rows' names for readers.

    Raises:
        FD2Error: for an unknown method.
    """
    return [set_label(**row, where=f"figure of kind '{spec['kind']}'") for row in spec["rows"]]


def row_files(
    spec: Mapping[str, Any], files: Mapping[str, list[Path]]
) -> list[tuple[str, list[Path]]]:
    """Label and files of each row, from files by the roles of one of the functions above."""
    return [(label, files[f"row{position}"]) for position, label in enumerate(labels(spec))]


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


def class_ids(
    chosen: Sequence[str] | Mapping[str, int] | None, classes: Sequence[str], where: str
) -> list[int]:
    """Ids of the classes chosen by name, or by ``first``, ``count`` and ``step``; None: first 8.

    Raises:
        FD2Error: for an unknown name, or an id that is not there.
    """
    if chosen is None:
        return list(range(min(FIRST_CLASSES, len(classes))))
    if not isinstance(chosen, Mapping):
        for name in chosen:
            require_known("class", name, classes, where)
        return [classes.index(name) for name in chosen]
    ids = [chosen["first"] + k * chosen["step"] for k in range(chosen["count"])]
    if ids[-1] >= len(classes):
        raise FD2Error(
            f"class id {ids[-1]} with {len(classes)} classes",
            where,
            f"ids go from 0 to {len(classes) - 1}: lower first, count or step",
        )
    return ids
