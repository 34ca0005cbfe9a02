"""Attention in a group, slot after slot: where each image looks that the earlier ones do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.errors import FD2Error
from fd2.figures._rows import attention_inputs, schema

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from fd2.figures._attention import RowAttention

SETTINGS_SCHEMA = schema(
    "Attention of a teacher on the slots of one group in the order of distillation.",
    *("dataset", "ipc", "class", "teacher", "rows"),
    slots={
        **{"type": "array", "minItems": 1, "uniqueItems": True},
        "items": {"type": "integer", "minimum": 0},
        "description": "Numbers of the slots to show, from 0, in the order of distillation.",
    },
)


def inputs(spec: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Distilled sets, manifest and teacher.

    Raises:
        FD2Error: for a slot that is not distilled, or slots out of order.
    """
    where = f"figure of kind '{spec['kind']}' on dataset '{spec['dataset']}'"
    ipc, slots = spec["ipc"], spec["slots"]
    if max(slots) >= ipc:
        raise FD2Error(
            f"slot {max(slots)} with ipc {ipc}",
            where,
            f"slots are numbered 0 to {ipc - 1}; name those or raise ipc",
        )
    if slots != sorted(slots):
        raise FD2Error(
            f"slots {slots} are not in the order of distillation", where, f"give {sorted(slots)}"
        )
    return attention_inputs(spec)


def lines_of(row: RowAttention, name: str) -> list[dict[str, Any]]:
    """A row's numbers, one line a slot; slots in the order of distillation.

    Returns:
        ``label``, ``class``, ``slot``; ``earlier_distance``, the mean distance to all earlier
        shown slots, 1 - L_S of FD² eq. 10 (None for the first), and each of them as
        ``distance_to_{slot}``; ``new_coverage``, the share of cells that the slot covers and no
        earlier one does, and ``coverage``, of all up to it; the map as ``map_{line}_{column}``.
    """
    from fd2.diagnostics.attention_spread import attended
    from fd2.figures._attention import distances

    apart = distances(row.attention).tolist()
    areas = attended(row.attention)
    lines: list[dict[str, Any]] = []
    for position, (slot, values) in enumerate(zip(row.slots, row.map_columns(), strict=True)):
        before, until = areas[:position].any(dim=0), areas[: position + 1].any(dim=0)
        earlier = apart[position][:position]
        to_each = {
            f"distance_to_{other}": earlier[k] if k < position else None
            for k, other in enumerate(row.slots[:-1])
        }
        lines.append(
            {
                "label": row.label,
                "class": name,
                "slot": slot,
                "earlier_distance": sum(earlier) / position if position else None,
                **to_each,
                "new_coverage": (areas[position] & ~before).float().mean().item(),
                "coverage": until.float().mean().item(),
                **values,
            }
        )
    return lines


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> tuple[Figure, pd.DataFrame]:
    """A row a method, a column a slot: the image under its attention, and its distance."""
    import numpy as np
    import pandas as pd

    from fd2.figures._attention import attention_figure, overlays, read_attention
    from fd2.figures._mosaic import write_notes

    rows = read_attention(spec, files, spec["slots"])
    lines = [lines_of(row, spec["class"]) for row in rows]
    heats = np.stack([row.heat() for row in rows])
    pictures = overlays(np.stack([row.images for row in rows]), heats)
    columns = [f"slot {slot}" for slot in spec["slots"]]
    figure = attention_figure(spec, pictures, heats, [row.label for row in rows], columns)
    distances = [[line["earlier_distance"] for line in of_row] for of_row in lines]
    notes = [["" if d is None else f"d = {d:.2f}" for d in of_row] for of_row in distances]
    write_notes(figure, notes, *heats.shape[2:])
    return figure, pd.DataFrame([line for of_row in lines for line in of_row])
