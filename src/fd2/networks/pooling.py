"""Bilinear attention pooling."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from fd2.networks.precision import at_least_float32, full_precision

# Keeps the slope of the square root finite at zero.
ROOT_OFFSET = 1e-6


def bilinear_attention_pool(features: Tensor, attention: Tensor) -> Tensor:
    """Attention feature f = Norm(BAP(F, A)) (FD² eq. 3).

    The mean over positions of A[m] * F[d], then the signed square root
    sign(x) sqrt(|x| + 1e-6), then L2 normalisation over all M*D entries.

    Args:
        features: F [B, D, h, w].
        attention: A [B, M, h, w].

    Returns:
        [B, M*D], attention map m major (entry m*D + d), unit norm, float32 at least.
    """
    with full_precision(features):
        maps = at_least_float32(attention).flatten(2)
        channels = at_least_float32(features).flatten(2)
        pooled = torch.bmm(maps, channels.transpose(1, 2)).flatten(1) / maps.shape[2]
        rooted = pooled.sign() * (pooled.abs() + ROOT_OFFSET).sqrt()
        return F.normalize(rooted, dim=1)
