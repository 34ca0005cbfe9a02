"""RDED: mosaics of the teacher's best-scored crops of real images; nothing is optimised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fd2.methods._interface import SelectionRequest

if TYPE_CHECKING:
    from torch import Tensor

LABEL = "RDED"
KIND = "selection"
SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["patches"],
    "properties": {
        "patches": {
            "type": "string",
            "enum": ["1x1", "2x2"],
            "description": "Crops tiled into one image.",
        }
    },
}


def select(request: SelectionRequest) -> Tensor:
    """Patch k is slot k: ranks 4k to 4k + 3 of the class's scored crops in a 2×2 mosaic.

    RDED itself deals ranks j, n + j, 2n + j, 3n + j to image j of n; that would make the images of
    IPC 1 differ from the first of IPC 5, so ranks are dealt in runs instead.

    Returns:
        uint8 ``[n, C, K, H, W]``.
    """
    assert request.patches is not None
    return request.patches.images[: request.images_per_class]
