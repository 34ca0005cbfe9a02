"""Smooths the pixels of the images, with or without FD² and whatever the teacher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fd2.regularisers._interface import Regulariser

if TYPE_CHECKING:
    from torch import Tensor

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["weight"],
    "properties": {
        "weight": {
            "type": "number",
            "minimum": 0,
            "description": "Factor of the total variation of the pixels.",
        },
    },
}


def build(settings: Mapping[str, Any]) -> Regulariser:
    """The term under settings that fit `SETTINGS_SCHEMA`."""
    return Regulariser(float(settings["weight"]), lambda step: total_variation(step.images))


def total_variation(images: Tensor) -> Tensor:
    """Mean of (x[i+1, j] - x[i, j])² plus mean of (x[i, j+1] - x[i, j])².

    The squared total variation (Mahendran and Vedaldi 2015, eq. 3 with beta 2). Means in place of
    sums let a weight serve images of any size.

    Args:
        images: x ``[B, K, H, W]``, normalised, H and W at least 2.

    Returns:
        Scalar, at least 0: the means are over images, channels and neighbouring pixels.
    """
    down = (images[:, :, 1:] - images[:, :, :-1]).square().mean()
    right = (images[:, :, :, 1:] - images[:, :, :, :-1]).square().mean()
    return down + right
