"""Pulls an image's attention feature towards its class prototype, away from the others."""

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
    "required": ["weight", "alpha", "prototypes"],
    "properties": {
        "weight": {
            "type": "number",
            "minimum": 0,
            "description": "Factor of the characteristic constraint, lambda in the paper.",
        },
        "alpha": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "Share of the pull to the own class against the push from the others.",
        },
        "prototypes": {
            "type": "string",
            "enum": ["normalised", "raw"],
            "description": "Whether prototypes are compared after L2 normalisation or as stored.",
        },
    },
}


@dataclass(frozen=True)
class CharacteristicConstraint:
    """FD² eq. 9 for a teacher with attention head.

    Attributes:
        weight: lambda, >= 0.
        alpha: in [0, 1].
        normalise: compare with L2-normalised prototypes.
    """

    weight: float
    alpha: float
    normalise: bool
    name: str = "characteristic"

    def loss(
        self, output: TeacherOutput, teacher_index: int, context: SlotContext, views: Views
    ) -> Tensor:
        """Scalar in [0, 1]; see `fd2.losses.regulariser.Regulariser`."""
        from torch.nn.functional import normalize

        from fd2.losses.characteristic import characteristic_loss

        if output.cal_feature is None:
            raise FD2Error(
                "teacher without attention head",
                "regulariser characteristic",
                "use a teacher trained with an attention head, or leave this regulariser out",
            )
        prototypes = context.prototypes[teacher_index]
        if self.normalise:
            prototypes = normalize(prototypes, dim=1)
        return characteristic_loss(output.cal_feature, prototypes, context.labels, self.alpha)


def build(settings: Mapping[str, Any]) -> Regulariser:
    """The constraint under settings that satisfy `SETTINGS_SCHEMA`."""
    return CharacteristicConstraint(
        weight=float(settings["weight"]),
        alpha=float(settings["alpha"]),
        normalise=settings["prototypes"] == "normalised",
    )
