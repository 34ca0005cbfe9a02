"""Distilled images side by side: a block of slots for each method, a column for each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.figures._rows import (
    CLASSES,
    DATASET,
    IPC,
    ROWS,
    SLOTS,
    check_slots,
    chosen_classes,
    distilled_inputs,
    labels,
    row_key,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["dataset", "ipc", "rows", "classes", "columns", "slots"],
    "description": "Distilled images of several methods.",
    "properties": {
        "dataset": DATASET,
        "ipc": IPC,
        "rows": ROWS,
        "classes": CLASSES,
        "columns": {
            "type": ["integer", "null"],
            "minimum": 1,
            "description": "Classes side by side; more go on below. null: all in one line.",
        },
        "slots": SLOTS,
    },
}


def inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Paths below the results folder: each row's distilled set, and the manifest.

    Raises:
        FD2Error: if more slots are asked for than there are.
    """
    check_slots(spec)
    return distilled_inputs(spec)


def collect(
    spec: Mapping[str, Any], files: Mapping[str, list[Path]]
) -> tuple[np.ndarray, list[str], pd.DataFrame]:
    """The images to show.

    Returns:
        uint8 ``[rows * slots, classes, H, W, 3]``, the classes' names, and one line an image:
        ``label``, ``class``, ``slot``, ``mean`` and ``std`` of its pixels in 0..255, and the
        sha256 of the file it is from.

    Raises:
        FD2Error: for an unknown class, or sets that were made from other data.
    """
    import numpy as np
    import pandas as pd

    from fd2.artifacts.files import file_digest
    from fd2.figures._distilled import open_sets

    names = labels(spec)
    paths = [files[row_key(position)][0] for position in range(len(names))]
    manifest, sets = open_sets(paths, files["manifest"][0])
    where = f"figure of kind '{spec['kind']}', setting classes"
    ids = chosen_classes(spec["classes"], manifest.classes, where)
    classes = [manifest.classes[position] for position in ids]
    blocks, lines = [], []
    for label, path, images in zip(names, paths, sets, strict=True):
        block = images[ids][:, : spec["slots"]]
        blocks.append(block.swapaxes(0, 1))
        digest = file_digest(path)
        lines += [
            {
                "label": label,
                "class": name,
                "slot": slot,
                "mean": block[column, slot].mean(),
                "std": block[column, slot].std(),
                "file_sha256": digest,
            }
            for column, name in enumerate(classes)
            for slot in range(spec["slots"])
        ]
    return np.concatenate(blocks), classes, pd.DataFrame(lines)


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]], stem: Path) -> None:
    """Write ``stem.png``, ``stem.pdf`` and ``stem.csv``.

    Args:
        spec: fits `SETTINGS_SCHEMA`, with ``kind``.
        files: the paths of `inputs`, by the same names.
        stem: output path without suffix.

    Raises:
        FD2Error: as `collect`.
    """
    from fd2.figures._drawing import write_figure
    from fd2.figures._mosaic import mosaic_figure

    images, classes, numbers = collect(spec, files)
    names = [label for label in labels(spec) for _ in range(spec["slots"])]
    shown = "slot 0" if spec["slots"] == 1 else f"slots 0 to {spec['slots'] - 1}"
    title = f"{spec['dataset']}, IPC {spec['ipc']}: distilled images, {shown}"
    write_figure(stem, mosaic_figure(images, names, classes, title, spec["columns"]), numbers)
