"""How rows are called in tables and figures. Torch-free."""

from __future__ import annotations

from fd2.config import plugins
from fd2.config.names import FULL_DATA

BASE_VARIANT = "base"
FULL_DATA_LABEL = "Full data (teacher)"
FULL_DATA_CAL_LABEL = "Full data (teacher with CAL)"
REAL_IMAGES_LABEL = "Real training images"


def row_label(method: str, fd2: str, variant: str, where: str = "") -> str:
    """A row's name for readers, e.g. ``SRe²L++ + FD² (group-2)``.

    The variant's name, or an ablation's label, stands in brackets unless it is ``base``; ``where``
    tells where the method was named, for the error.

    Raises:
        FD2Error: if there is no such method.
    """
    if method == FULL_DATA:
        return FULL_DATA_CAL_LABEL if fd2 == "fd2" else FULL_DATA_LABEL
    plugin = plugins.load("methods", method, where)
    label: str = plugin.LABEL
    if fd2 == "fd2":
        # Nothing is optimised where images are selected: FD² is in the teacher that labels them.
        label += " + FD²" if plugin.KIND == "optimisation" else ", labels of the CAL teacher"
    return label if variant == BASE_VARIANT else f"{label} ({variant})"


def set_label(method: str, fd2: str, variant: str, where: str = "") -> str:
    """As `row_label`, of a set of images: ``full`` is all real training images.

    Raises:
        FD2Error: if there is no such method.
    """
    return REAL_IMAGES_LABEL if method == FULL_DATA else row_label(method, fd2, variant, where)
