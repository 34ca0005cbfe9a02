"""Distilled images side by side: a block of slots for each method, a column for each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.figures._rows import check_slots, class_ids, distilled_inputs, row_files, schema

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

SETTINGS_SCHEMA = schema(
    "Distilled images of several methods.",
    *("dataset", "ipc", "rows", "classes", "slots"),
    columns={
        **{"type": ["integer", "null"], "minimum": 1},
        "description": "Classes side by side; more go on below. null: all in one line.",
    },
    stretched={
        "type": "boolean",
        "description": "Whether each image of a matching method, whose pixels leave the range from "
        "black to white, is stretched over the range of its own; else they are clipped.",
    },
)


def inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Each row's distilled set, and the manifest.

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
        uint8 ``[rows * slots, classes, H, W, K]``, the classes' names, and one line an image:
        ``label``, ``class``, ``slot``, ``mean`` and ``std`` of its pixels in 0..255, and the
        sha256 of the file it is from.

    Raises:
        FD2Error: for an unknown class, or sets that were made from other data.
    """
    import numpy as np
    import pandas as pd

    from fd2.artifacts.files import file_digest
    from fd2.figures._sets import open_sets, pictures_by_class

    rows = row_files(spec, files)
    manifest, sets = open_sets([path for _, (path,) in rows], files["manifest"][0])
    where = f"figure of kind '{spec['kind']}', setting classes"
    ids = class_ids(spec["classes"], manifest.classes, where)
    classes = [manifest.classes[position] for position in ids]
    blocks, lines = [], []
    for (label, (path,)), images in zip(rows, sets, strict=True):
        pictures = pictures_by_class(images, stretched=spec["stretched"])
        block = pictures[ids][:, : spec["slots"]]
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


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> tuple[Figure, pd.DataFrame]:
    """A block of slots a row, a column a class."""
    from fd2.figures._mosaic import mosaic_figure

    images, classes, numbers = collect(spec, files)
    names = [label for label, _ in row_files(spec, files) for _ in range(spec["slots"])]
    shown = "slot 0" if spec["slots"] == 1 else f"slots 0 to {spec['slots'] - 1}"
    title = f"{spec['dataset']}, IPC {spec['ipc']}: distilled images, {shown}"
    if spec["stretched"]:
        title += ", each over the range of its own pixels"
    return mosaic_figure(images, names, classes, title, spec["columns"]), numbers
