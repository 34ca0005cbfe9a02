"""Stage: a contact sheet of one distilled set."""

from __future__ import annotations

from pathlib import Path

from fd2.figures._drawing import write_picture
from fd2.figures._mosaic import mosaic_figure
from fd2.figures._sets import open_sets, pictures_by_class

MAXIMUM_CLASSES = 20
MAXIMUM_SLOTS = 10


def preview(distilled: Path, manifest: Path, output: Path) -> None:
    """Write a png of the first 20 classes, a row each, and 10 slots, a column each, at most.

    Raises:
        FD2Error: if an input is missing or damaged, or the set was made from other data.
    """
    described, (distilled_set,) = open_sets([distilled], manifest)
    images = pictures_by_class(distilled_set)
    shown = images[:MAXIMUM_CLASSES, :MAXIMUM_SLOTS]
    classes, slots = shown.shape[:2]
    title = (
        f"{described.dataset}: {classes} of {images.shape[0]} classes, "
        f"{slots} of {images.shape[1]} images each"
    )
    figure = mosaic_figure(
        shown, described.classes[:classes], [f"slot {slot}" for slot in range(slots)], title
    )
    write_picture(output, figure)
