"""RDED: mosaics of the teacher's best-scored crops of real images; nothing is optimised."""

from __future__ import annotations

from typing import Any

from fd2.methods._interface import Selection, SelectionRequest

LABEL = "RDED"
KIND = "selection"
_PATCHES: dict[str, Any] = {
    "tiling": {
        "type": "string",
        "enum": ["1x1", "2x2"],
        "description": "Crops tiled into one image.",
    },
    "scorer": {
        "$ref": "#/$defs/backbone",
        "description": "Backbone of the plain teacher, of the set's own variant, whose "
        "cross-entropy ranks the crops.",
    },
    "crops_per_image": {"$ref": "#/$defs/crops_per_image"},
    "crop_scale": {"$ref": "#/$defs/scale"},
    "images_scored": {"$ref": "#/$defs/images_scored"},
    "images_chosen": {"$ref": "#/$defs/images_chosen"},
    "image_codec": {"$ref": "#/$defs/codec"},
}
SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["patches"],
    "properties": {
        "patches": {
            "type": "object",
            "additionalProperties": False,
            "required": list(_PATCHES),
            "properties": _PATCHES,
        }
    },
}


def select(request: SelectionRequest) -> Selection:
    """Patch k is slot k, so that n images hold the best 4n crops (2×2) of a class.

    They are dealt in runs: image k has ranks 4k to 4k + 3. RDED's code deals the same crops
    otherwise: image j of n has ranks j, n + j, 2n + j and 3n + j, and the images of IPC 1 would
    not be the first of IPC 5.
    """
    patches, count = request.patches, request.images_per_class
    assert patches is not None
    chosen = {key: cells[:count].tolist() for key, cells in patches.chosen.items()}
    return Selection(patches.images[:count], chosen)
