"""Pulls an image's attention feature towards its class prototype, away from the others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from fd2.regularisers._interface import Regulariser, Step

if TYPE_CHECKING:
    from torch import Tensor

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


def build(settings: Mapping[str, Any]) -> Regulariser:
    """The constraint under settings that fit `SETTINGS_SCHEMA`."""
    normalise = settings["prototypes"] == "normalised"
    loss = partial(_loss, alpha=float(settings["alpha"]), normalise=normalise)
    return Regulariser(float(settings["weight"]), loss, needs_head=True)


def _loss(step: Step, *, alpha: float, normalise: bool) -> Tensor:
    from torch.nn.functional import normalize

    feature, prototypes = step.output.cal_feature, step.prototypes
    assert feature is not None and prototypes is not None
    if normalise:
        prototypes = normalize(prototypes, dim=1)
    return characteristic_loss(feature, prototypes, step.labels, alpha)


def characteristic_loss(
    features: Tensor, prototypes: Tensor, labels: Tensor, alpha: float
) -> Tensor:
    """L_F = alpha d(f, p_y) + (1 - alpha) (1 - mean over c != y of d(f, p_c)) (FD² eq. 9).

    Args:
        features: f [B, P].
        prototypes: [C, P], C >= 2.
        labels: y [B] long, in [0, C).
        alpha: share of the pull towards the own class, in [0, 1].

    Returns:
        Scalar in [0, 1], averaged over B.
    """
    from fd2.losses.distance import normalised_distance, pairwise_normalised_distance

    own = normalised_distance(features, prototypes[labels])
    distances = pairwise_normalised_distance(features, prototypes)
    others = distances.scatter(1, labels.unsqueeze(1), 0).sum(dim=1) / (prototypes.shape[0] - 1)
    return (alpha * own + (1 - alpha) * (1 - others)).mean()
