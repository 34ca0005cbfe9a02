"""The normalised distance of FD² eq. 9 and 10."""

from __future__ import annotations

import torch
from torch import Tensor

from fd2.networks.formats import at_least_float32, full_precision

EPSILON = 1e-6


def normalised_distance(a: Tensor, b: Tensor, epsilon: float = EPSILON) -> Tensor:
    """d(a, b) = ||a - b|| / (||a|| + ||b|| + epsilon) over the last dimension.

    Args:
        a: [..., P].
        b: [..., P]; leading dimensions broadcast against those of ``a``.
        epsilon: keeps d(0, 0) defined.

    Returns:
        [...], in [0, 1], symmetric, float32 at least; the gradient is zero where a equals b.
    """
    a, b = at_least_float32(a), at_least_float32(b)
    lengths: Tensor = torch.linalg.vector_norm(a, dim=-1) + torch.linalg.vector_norm(b, dim=-1)
    gaps: Tensor = torch.linalg.vector_norm(a - b, dim=-1)
    return gaps / (lengths + epsilon)


def pairwise_normalised_distance(a: Tensor, b: Tensor, epsilon: float = EPSILON) -> Tensor:
    """`normalised_distance` of every row of ``a`` to every row of ``b`` by one matrix product.

    ||a - b||² = ||a||² + ||b||² - 2ab loses all digits where a and b nearly agree, so squares
    below their rounding error count as zero, with zero gradient.

    Args:
        a: [B, P].
        b: [C, P].
        epsilon: as in `normalised_distance`.

    Returns:
        [B, C], float32 at least.
    """
    with full_precision(a):
        a, b = at_least_float32(a), at_least_float32(b)
        lengths_a: Tensor = torch.linalg.vector_norm(a, dim=1).unsqueeze(1)
        lengths_b: Tensor = torch.linalg.vector_norm(b, dim=1).unsqueeze(0)
        scale = lengths_a.square() + lengths_b.square()
        squares = scale - 2 * (a @ b.T)
        apart = squares > torch.finfo(squares.dtype).eps * scale.detach()
        # The inner `where` keeps the infinite slope of the root at zero out of the backward pass.
        distances = torch.where(apart, torch.where(apart, squares, 1).sqrt(), 0)
        return distances / (lengths_a + lengths_b + epsilon)
