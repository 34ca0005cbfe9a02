"""Where the teacher looks in the distilled images of one class, method by method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.figures._rows import (
    CLASS,
    DATASET,
    IPC,
    ROWS,
    SLOTS,
    TEACHER,
    check_slots,
    distilled_inputs,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor

    from fd2.figures._attention import RowAttention

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["dataset", "ipc", "class", "teacher", "slots", "rows"],
    "description": "Attention of a teacher on the distilled images of one class.",
    "properties": {
        "dataset": DATASET,
        "ipc": IPC,
        "class": CLASS,
        "teacher": TEACHER,
        "slots": SLOTS,
        "rows": ROWS,
    },
}


def inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Paths below the results folder: distilled sets, manifest and teacher.

    Raises:
        FD2Error: if more slots are asked for than there are.
    """
    check_slots(spec)
    teacher = f"teachers/{spec['dataset']}/{spec['teacher']}/cal.safetensors"
    return {**distilled_inputs(spec), "teacher": [teacher]}


def spread(attention: Tensor) -> tuple[float | None, float]:
    """How differently the teacher looks at the slots of one class.

    Args:
        attention: ``[K, M, h, w]``, non-negative, of K slots.

    Returns:
        The mean over pairs of slots of d(vec A_i, vec A_j) (the distance of FD² eq. 10; None for
        one slot), and the share of cells where some slot's mean map is above half its maximum.
    """
    import torch

    from fd2.diagnostics.attention_spread import attended
    from fd2.figures._attention import distances

    first, second = torch.triu_indices(len(attention), len(attention), offset=1)
    distance = distances(attention)[first, second].mean().item() if len(first) else None
    return distance, attended(attention).any(dim=0).float().mean().item()


def lines_of(row: RowAttention, name: str) -> list[dict[str, Any]]:
    """A row's numbers, one line a slot.

    Args:
        row: of `fd2.figures._attention.read_attention`.
        name: of the class.

    Returns:
        ``label``, ``class``, ``slots`` (their number), ``pairwise_distance`` and ``coverage`` of
        all shown slots, ``slot``, and the slot's map as ``map_{line}_{column}``.
    """
    distance, coverage = spread(row.attention)
    whole = {
        "label": row.label,
        "class": name,
        "slots": len(row.slots),
        "pairwise_distance": distance,
        "coverage": coverage,
    }
    return [
        {**whole, "slot": slot, **values}
        for slot, values in zip(row.slots, row.map_columns(), strict=True)
    ]


def strip_of(images: np.ndarray, maps: Tensor) -> np.ndarray:
    """Images ``[K, H, W, 3]`` and maps ``[K, h, w]`` as uint8 ``[2 * K, H, W, 3]``, in turns."""
    from fd2.figures._attention import heat, overlays

    height, width = images.shape[1:3]
    return _in_turns(images, overlays(images, heat(maps, (height, width))))


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]], stem: Path) -> None:
    """Write ``stem.png``, ``stem.pdf`` and ``stem.csv``.

    Args:
        spec: fits `SETTINGS_SCHEMA`, with ``kind``.
        files: the paths of `inputs`, by the same names.
        stem: output path without suffix.

    Raises:
        FD2Error: for an unknown class, a teacher without attention head, or other data.
    """
    import numpy as np
    import pandas as pd

    from fd2.figures._attention import explain_colours, heat, read_attention
    from fd2.figures._drawing import write_figure
    from fd2.figures._mosaic import mosaic_figure

    rows = read_attention(spec, files, range(spec["slots"]))
    numbers = pd.DataFrame([line for row in rows for line in lines_of(row, spec["class"])])
    pictures = np.stack([strip_of(row.images, row.maps()) for row in rows])
    height, width = pictures.shape[2:4]
    heats = np.stack([heat(row.maps(), (height, width)) for row in rows])
    columns = [f"{what}{slot}" for slot in rows[0].slots for what in ("slot ", "attention ")]
    title = f"{spec['dataset']}, class {spec['class']}: attention of {spec['teacher']}"
    figure = mosaic_figure(pictures, _row_names(numbers), columns, title)
    explain_colours(figure, np.stack([_in_turns(np.zeros_like(one), one) for one in heats]))
    write_figure(stem, figure, numbers)


def _in_turns(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Alternate between two arrays along their first dimension."""
    import numpy as np

    return np.stack([first, second], axis=1).reshape(-1, *first.shape[1:])


def _row_names(numbers: pd.DataFrame) -> list[str]:
    names = []
    for line in numbers.drop_duplicates("label").to_dict("records"):
        distance = line["pairwise_distance"]
        apart = "" if line["slots"] == 1 else f"distance {distance:.2f}, "
        names.append(f"{line['label']}\n{apart}coverage {line['coverage']:.2f}")
    return names
