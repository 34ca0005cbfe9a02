"""Where the teacher looks in the distilled images of one class, method by method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.figures._rows import attention_inputs, check_slots, schema

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from fd2.figures._attention import RowAttention

SETTINGS_SCHEMA = schema(
    "Attention of a teacher on the distilled images of one class.",
    *("dataset", "ipc", "class", "teacher", "slots", "rows"),
)


def inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Distilled sets, manifest and teacher.

    Raises:
        FD2Error: if more slots are asked for than there are.
    """
    check_slots(spec)
    return attention_inputs(spec)


def lines_of(row: RowAttention, name: str) -> list[dict[str, Any]]:
    """A row's numbers, one line a slot.

    Returns:
        ``label``, ``class``, ``slots`` (their number), ``pairwise_distance`` and ``coverage`` of
        all shown slots (see `fd2.diagnostics.attention_spread`), ``slot``, and the slot's map as
        ``map_{line}_{column}``.
    """
    import torch

    from fd2.diagnostics.attention_spread import attention_spread

    count = len(row.slots)
    spread = attention_spread(row.attention, torch.zeros(count, dtype=torch.long), count)
    of_class = {
        "label": row.label,
        "class": name,
        "slots": count,
        "pairwise_distance": spread.pairwise_distance,
        "coverage": spread.group_coverage,
    }
    return [
        {**of_class, "slot": slot, **values}
        for slot, values in zip(row.slots, row.map_columns(), strict=True)
    ]


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> tuple[Figure, pd.DataFrame]:
    """A row a method, two columns a slot: the image, and its attention laid over it."""
    import numpy as np
    import pandas as pd

    from fd2.figures._attention import attention_figure, overlays, read_attention
    from fd2.figures._mosaic import in_rgb, in_turns

    rows = read_attention(spec, files, range(spec["slots"]))
    numbers = pd.DataFrame([line for row in rows for line in lines_of(row, spec["class"])])
    images = np.stack([row.images for row in rows])
    heats = np.stack([row.heat() for row in rows])
    pictures = in_turns(in_rgb(images), overlays(images, heats))
    lines = in_turns(np.zeros_like(heats), heats)
    columns = [f"{what}{slot}" for slot in rows[0].slots for what in ("slot ", "attention ")]
    return attention_figure(spec, pictures, lines, _row_names(numbers), columns), numbers


def _row_names(numbers: pd.DataFrame) -> list[str]:
    names = []
    for line in numbers.drop_duplicates("label").to_dict("records"):
        distance = line["pairwise_distance"]
        apart = "" if line["slots"] == 1 else f"distance {distance:.2f}, "
        names.append(f"{line['label']}\n{apart}coverage {line['coverage']:.2f}")
    return names
