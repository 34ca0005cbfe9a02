# Copy to src/fd2/regularisers/feature_size.py, under a name of your own.
"""Keeps the feature map small."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.regularisers._interface import Regulariser

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["weight"],
    "properties": {"weight": {"type": "number", "minimum": 0, "description": "Factor."}},
}


def build(settings: Mapping[str, Any]) -> Regulariser:
    """The mean square of the feature map, at least 0."""
    return Regulariser(
        weight=float(settings["weight"]),
        loss=lambda step: step.output.features.square().mean(),
    )
