"""Many small images as one picture with names at its sides."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WHITE = 255
CELL_INCHES = 0.95


def mosaic(images: np.ndarray, gap: int, fill: float = WHITE) -> np.ndarray:
    """Tile images ``[R, K, H, W, channels]`` with gaps in pixels between them.

    Returns:
        ``[R * H + (R - 1) * gap, K * W + (K - 1) * gap, channels]`` of the same type.
    """
    rows, columns, height, width, channels = images.shape
    padded = np.full((rows, columns, height + gap, width + gap, channels), fill, images.dtype)
    padded[:, :, :height, :width] = images
    whole = padded.transpose(0, 2, 1, 3, 4).reshape(
        rows * (height + gap), columns * (width + gap), channels
    )
    return whole[: whole.shape[0] - gap, : whole.shape[1] - gap]


def in_rgb(images: np.ndarray) -> np.ndarray:
    """Images ``[..., 3]`` as they are, grey ones ``[..., 1]`` repeated to ``[..., 3]``.

    A figure would give the values of a single channel colours of its own.
    """
    return np.broadcast_to(images, (*images.shape[:-1], 3))


def in_turns(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Alternate between two arrays along their second dimension, the columns."""
    rows, columns = first.shape[:2]
    return np.stack([first, second], axis=2).reshape(rows, 2 * columns, *first.shape[2:])


def gap_of(height: int) -> int:
    """Pixels between images of this height."""
    return max(height // 32, 1)


def mosaic_figure(
    images: np.ndarray,
    row_names: Sequence[str],
    column_names: Sequence[str],
    title: str,
    columns_per_line: int | None = None,
) -> Figure:
    """A figure of `mosaic` with a name at each row and column.

    Args:
        images: uint8 ``[R, K, H, W, 3]`` in RGB, or ``[R, K, H, W, 1]`` in grey.
        row_names: R texts; equal neighbours stand once, at the middle of their block.
        column_names: K texts.
        title: above the picture.
        columns_per_line: after so many columns the rest go on below, under axes of their own;
            None for one line.
    """
    from fd2.figures._drawing import new_figure

    rows, columns = images.shape[:2]
    per_line = min(columns_per_line or columns, columns)
    starts = range(0, columns, per_line)
    lines = len(starts)
    figure = new_figure(per_line * CELL_INCHES + 2.2, lines * (rows * CELL_INCHES + 1.0))
    for line, start in enumerate(starts):
        axes = figure.add_subplot(lines, 1, line + 1)
        here = slice(start, start + per_line)
        _panel(axes, images[:, here], row_names, column_names[here], per_line)
    figure.axes[0].set_title(title, fontsize=9)
    return figure


def write_notes(figure: Figure, notes: Sequence[Sequence[str]], height: int, width: int) -> None:
    """Put a short text into the lower left corner of each image of a `mosaic_figure` of one line.

    Notes stand by row and column; an empty one leaves the image as it is. Height and width are of
    one image in pixels.
    """
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0}
    gap = gap_of(height)
    for row, texts in enumerate(notes):
        for column, text in enumerate(texts):
            if text:
                left, bottom = column * (width + gap), row * (height + gap) + height - 1
                where: dict[str, Any] = {"ha": "left", "va": "bottom", "bbox": box}
                figure.axes[0].text(left, bottom, text, fontsize=7, **where)


def _panel(
    axes: Axes, images: np.ndarray, row_names: Sequence[str], column_names: Sequence[str], wide: int
) -> None:
    """One line of a figure; a shorter last one is as wide as the others, with white at its end."""
    rows, columns, height, width, channels = images.shape
    gap = gap_of(height)
    blank = np.full((rows, wide - columns, height, width, channels), WHITE, images.dtype)
    axes.imshow(mosaic(in_rgb(np.concatenate([images, blank], axis=1)), gap))
    # Equal neighbours stand once.
    runs = [list(run) for _, run in groupby(enumerate(row_names), key=itemgetter(1))]
    names, centres = [run[0][1] for run in runs], [(run[0][0] + run[-1][0]) / 2 for run in runs]
    middles = [centre * (height + gap) + height / 2 - 0.5 for centre in centres]
    axes.set_yticks(middles, names)
    places = [column * (width + gap) + width / 2 - 0.5 for column in range(columns)]
    axes.set_xticks(places, column_names, rotation=30, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0, labelsize=8)
    axes.spines[:].set_visible(False)
