"""The fine-grained characteristic constraint."""

from __future__ import annotations

from torch import Tensor

from fd2.losses.distance import normalised_distance, pairwise_normalised_distance


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
    own = normalised_distance(features, prototypes[labels])
    distances = pairwise_normalised_distance(features, prototypes)
    others = distances.scatter(1, labels.unsqueeze(1), 0).sum(dim=1) / (prototypes.shape[0] - 1)
    return (alpha * own + (1 - alpha) * (1 - others)).mean()
