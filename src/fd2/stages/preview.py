"""Stage: a contact sheet of one distilled set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fd2.config.names import SetName
from fd2.figures._drawing import write_picture
from fd2.figures._mosaic import mosaic_figure
from fd2.figures._sets import open_sets, pictures_by_class
from fd2.tables.labels import row_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fd2.artifacts.images import DistilledSet
    from fd2.artifacts.manifests import Manifest

MAXIMUM_CLASSES = 20
MAXIMUM_SLOTS = 10


def preview(name: SetName, distilled: Path, manifest: Path, output: Path) -> None:
    """Write a png of the first 20 classes, a row each, and 10 slots, a column each, at most.

    Raises:
        FD2Error: if an input is missing or damaged, or the set was made from other data.
    """
    described, (distilled_set,) = open_sets([distilled], manifest)
    write_picture(output, contact_sheet(name, distilled_set, described))


def contact_sheet(name: SetName, images: DistilledSet, manifest: Manifest) -> Figure:
    """The picture of `preview`, titled by dataset, method and images per class."""
    pictures = pictures_by_class(images)
    shown = pictures[:MAXIMUM_CLASSES, :MAXIMUM_SLOTS]
    classes, slots = shown.shape[:2]
    title = (
        f"{manifest.dataset}, {row_label(name.method, name.fd2, name.variant)}, "
        f"IPC {images.images_per_class}: {classes} of {len(pictures)} classes, "
        f"{slots} of {images.images_per_class} images each"
    )
    if (distance := images.metadata.get("moved")) is not None:
        title += f"; {distance:.1f} of 255 levels from their start"
    names = [f"slot {slot}" for slot in range(slots)]
    return mosaic_figure(shown, manifest.classes[:classes], names, title)
