"""Pushes the attention maps of images of one class apart."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from fd2.regularisers._interface import EarlierAttention, Regulariser, Step

if TYPE_CHECKING:
    from torch import Tensor

    from fd2.augment.views import Views

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["weight", "crop"],
    "properties": {
        "weight": {
            "type": "number",
            "minimum": 0,
            "description": "Factor of the similarity constraint, 1 - lambda in the paper.",
        },
        "crop": {
            "type": "string",
            "enum": ["shared", "independent"],
            "description": "Whether earlier attention maps are seen through the current crop or "
            "used as stored.",
        },
    },
}


def build(settings: Mapping[str, Any]) -> Regulariser:
    """The constraint under settings that fit `SETTINGS_SCHEMA`."""
    earlier: EarlierAttention = "whole" if settings["crop"] == "shared" else "crops"
    loss = partial(_loss, form=earlier)
    return Regulariser(float(settings["weight"]), loss, earlier_attention=earlier)


def _loss(step: Step, *, form: EarlierAttention) -> Tensor:
    attention, earlier = step.output.attention, step.earlier_attention[form]
    assert attention is not None
    if earlier.shape[0] > 0:
        earlier = _fit(earlier, attention, step.views if form == "whole" else None)
    return similarity_loss(attention, earlier)


def similarity_loss(attention: Tensor, earlier: Tensor) -> Tensor:
    """L_S = 1 - mean over earlier images k of d(vec A_k, vec A) (FD² eq. 10).

    Args:
        attention: A [B, M, h, w] of the images being optimised.
        earlier: A_k [K, B, M, h, w] of earlier images of the same classes; K may be 0.

    Returns:
        Scalar in [0, 1], averaged over B; zero, without gradient, for K = 0.
    """
    from fd2.losses.distance import normalised_distance
    from fd2.networks.formats import at_least_float32

    if earlier.shape[0] == 0:
        return at_least_float32(attention).new_zeros(())
    distances = normalised_distance(earlier.flatten(2), attention.flatten(1))
    return 1 - distances.mean()


def _fit(earlier: Tensor, attention: Tensor, views: Views | None) -> Tensor:
    """Earlier maps [K, B, M, h', w'], through the views if any, at the size of ``attention``."""
    import torch
    from torch.nn.functional import interpolate

    size = attention.shape[-2:]
    maps = earlier.flatten(0, 1)
    if views is not None:
        if len(views) > 1:
            views = views[torch.arange(len(views)).repeat(earlier.shape[0])]
        maps = views.apply(maps, size[0])
    if maps.shape[-2:] != size:
        maps = interpolate(maps, size=size, mode="bilinear", align_corners=False)
    return maps.reshape(*earlier.shape[:2], *maps.shape[1:])
