"""The similarity constraint between images of one class."""

from __future__ import annotations

from torch import Tensor

from fd2.losses.distance import normalised_distance
from fd2.networks.precision import at_least_float32


def similarity_loss(attention: Tensor, earlier: Tensor) -> Tensor:
    """L_S = 1 - mean over earlier images k of d(vec A_k, vec A) (FD² eq. 10).

    Args:
        attention: A [B, M, h, w] of the images being optimised.
        earlier: A_k [K, B, M, h, w] of earlier images of the same classes; K may be 0.

    Returns:
        Scalar in [0, 1], averaged over B; zero, without gradient, for K = 0.
    """
    if earlier.shape[0] == 0:
        return at_least_float32(attention).new_zeros(())
    distances = normalised_distance(earlier.flatten(2), attention.flatten(1))
    return 1 - distances.mean()
