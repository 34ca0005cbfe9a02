# Copy to src/fd2/methods/first.py, under a name of your own.
"""The first images of each class, as they come."""

from __future__ import annotations

from typing import Any

from fd2.methods._interface import Selection, SelectionRequest

LABEL = "First real images"
KIND = "selection"
SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {},
    "description": "The first images have no settings.",
}


def select(request: SelectionRequest) -> Selection:
    """The first n training images of each class in file order."""
    import torch

    dataset, count = request.dataset, request.images_per_class
    members = dataset.class_indices(dataset.train)
    indices = torch.stack([positions[:count] for positions in members], dim=1)
    images = dataset.train.batch(indices.flatten(), torch.device("cpu"))
    shown = images.unflatten(0, indices.shape).contiguous()  # uint8 [n, C, K, H, W]
    return Selection(shown, {"images": indices.tolist()})
