"""Pushes the attention maps of images of one class apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fd2.errors import FD2Error

if TYPE_CHECKING:
    from torch import Tensor

    from fd2.augment.views import Views
    from fd2.losses.regulariser import Regulariser, SlotContext
    from fd2.networks.teacher import TeacherOutput

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


@dataclass(frozen=True)
class SimilarityConstraint:
    """FD² eq. 10 for a teacher with attention head.

    Attributes:
        weight: 1 - lambda, >= 0.
        shared_crop: earlier maps are of whole images and are seen through the current views.
    """

    weight: float
    shared_crop: bool
    name: str = "similarity"

    def loss(
        self, output: TeacherOutput, teacher_index: int, context: SlotContext, views: Views
    ) -> Tensor:
        """Scalar in [0, 1], zero without earlier images; see `Regulariser`."""
        from fd2.losses.similarity import similarity_loss

        if output.attention is None:
            raise FD2Error(
                "teacher without attention head",
                "regulariser similarity",
                "use a teacher trained with an attention head, or leave this regulariser out",
            )
        earlier = context.earlier_attention[teacher_index]
        if earlier.shape[0] > 0:
            earlier = _fit(earlier, output.attention, views if self.shared_crop else None)
        return similarity_loss(output.attention, earlier)


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


def build(settings: Mapping[str, Any]) -> Regulariser:
    """The constraint under settings that satisfy `SETTINGS_SCHEMA`."""
    return SimilarityConstraint(
        weight=float(settings["weight"]), shared_crop=settings["crop"] == "shared"
    )
