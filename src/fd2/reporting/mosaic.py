"""Many small images as one picture with names at its sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WHITE = 255
CELL_INCHES = 0.95


def mosaic(images: np.ndarray, gap: int) -> np.ndarray:
    """Tile images with white gaps between them.

    Args:
        images: uint8 ``[R, K, H, W, 3]`` by row and column.
        gap: pixels between neighbours.

    Returns:
        uint8 ``[R * H + (R - 1) * gap, K * W + (K - 1) * gap, 3]``.
    """
    rows, columns, height, width, channels = images.shape
    padded = np.full((rows, columns, height + gap, width + gap, channels), WHITE, np.uint8)
    padded[:, :, :height, :width] = images
    whole = padded.transpose(0, 2, 1, 3, 4).reshape(
        rows * (height + gap), columns * (width + gap), channels
    )
    return whole[: whole.shape[0] - gap, : whole.shape[1] - gap]


def mosaic_figure(
    images: np.ndarray, row_names: Sequence[str], column_names: Sequence[str], title: str
) -> Figure:
    """A figure of `mosaic` with a name at each row and column.

    Args:
        images: uint8 ``[R, K, H, W, 3]``.
        row_names: R texts; equal neighbours stand once, at the middle of their block.
        column_names: K texts.
        title: above the picture.
    """
    from fd2.reporting.files import new_figure

    rows, columns, height, width = images.shape[:4]
    gap = max(height // 32, 1)
    figure = new_figure(columns * CELL_INCHES + 2.2, rows * CELL_INCHES + 1.0)
    axes = figure.add_subplot()
    axes.imshow(mosaic(images, gap))
    plain: dict[str, Any] = {"parse_math": False}
    axes.set_title(title, fontsize=9, **plain)
    names, centres = _blocks(row_names)
    middles = [centre * (height + gap) + height / 2 - 0.5 for centre in centres]
    axes.set_yticks(middles, names, **plain)
    places = [column * (width + gap) + width / 2 - 0.5 for column in range(columns)]
    axes.set_xticks(places, column_names, rotation=30, ha="right", rotation_mode="anchor", **plain)
    axes.tick_params(length=0, labelsize=8)
    axes.spines[:].set_visible(False)
    return figure


def _blocks(names: Sequence[str]) -> tuple[list[str], list[float]]:
    """Each run of equal names, and the mean position of its rows."""
    starts = [i for i, name in enumerate(names) if i == 0 or names[i - 1] != name]
    ends = [*starts[1:], len(names)]
    centres = [(start + end - 1) / 2 for start, end in zip(starts, ends, strict=True)]
    return [names[start] for start in starts], centres
