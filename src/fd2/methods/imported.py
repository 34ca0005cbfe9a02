"""Images that others distilled, read from their files: each such set is a variant.

``fd2 import`` writes the variant; the stage ``import_set`` reads the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.errors import FD2Error
from fd2.methods._optimising import closed, teachers_schema

LABEL = "Imported"
KIND = "import"
LEARNS = ("labels", "rate")
_FILE = {"type": ["string", "null"], "minLength": 1}
_STATISTICS = {"type": ["array", "null"], "minItems": 1, "maxItems": 3}
SETTINGS_SCHEMA: dict[str, Any] = closed(
    {
        "path": {
            **_FILE,
            "description": "A folder of class folders or of parquet files, or a file of tensors "
            "(.pt, .pth); {ipc} in it is the number of images per class. null: no set.",
        },
        "labels": {
            **_FILE,
            "description": "File of tensors with the labels: class numbers, logits, or "
            "probabilities; null: images stand class by class.",
        },
        "rate": {**_FILE, "description": "File of the learned rate of students; null: none."},
        "soft_labels": {
            **_FILE,
            "description": "Folder of the soft labels of class folders' images, as FKD's code "
            "writes them: epoch_0/batch_0.tar and so on; {ipc} in it as in path. As many epochs "
            "are read as relabel stores. null: none; a teacher labels, where students want it.",
        },
        "mean": {
            **_STATISTICS,
            "items": {"type": "number"},
            "description": "What the tensors were normalised with, one value a channel; 0 of "
            "tensors in [0, 1]. null: the dataset's own.",
        },
        "std": {
            **_STATISTICS,
            "items": {"type": "number", "exclusiveMinimum": 0},
            "description": "Likewise; 1 of tensors in [0, 1].",
        },
        "class_order": {
            "type": ["array", "null"],
            "items": {"type": "string"},
            "description": "The dataset's class names in the order of the source's classes: of "
            "label 0 or the first folder, the next, and so on. null: folders by their names where "
            "these are the classes', all else by number.",
        },
        "trusted": {
            "type": "boolean",
            "description": "Whether the set is taken though the teacher or its labels speak for "
            "another order of the classes.",
        },
        "teachers": teachers_schema(1, 1, "The plain teacher that the class order is checked by."),
    }
)


def learns(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """What the set brings with it: of `LEARNS`, the words whose file is named."""
    return tuple(word for word in LEARNS if settings[word] is not None)


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings that name no set, or statistics by half.

    Raises:
        FD2Error: with the key.
    """
    block = "settings 'distill.methods.imported"
    if settings["path"] is None:
        fix = "ask for a variant that sets it; 'fd2 import' writes one"
        raise FD2Error("method 'imported' without a set", f"{block}.path'", fix)
    if (settings["mean"] is None) != (settings["std"] is None):
        raise FD2Error("mean and std of which one is null", f"{block}.mean'", "set both or none")
