"""Class prototypes of the attention feature and their two update rules."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


@torch.no_grad()
def update_momentum(prototypes: Tensor, features: Tensor, labels: Tensor, momentum: float) -> None:
    """p_c <- (1 - beta) p_c + beta * mean of the batch's features of class c (FD² eq. 5).

    Classes absent from the batch stay unchanged; only the rows of the batch are touched.

    Args:
        prototypes: [C, P], changed in place.
        features: [B, P].
        labels: [B] long, in [0, C).
        momentum: beta in [0, 1].
    """
    counts = prototypes.new_zeros(prototypes.shape[0])
    counts.index_add_(0, labels, counts.new_ones(labels.shape))
    share = momentum / counts[labels]
    steps = share.unsqueeze(1) * (features.to(prototypes.dtype) - prototypes[labels])
    prototypes.index_add_(0, labels, steps)


@torch.no_grad()
def update_last_feature(
    prototypes: Tensor, features: Tensor, labels: Tensor, rate: float = 0.05
) -> None:
    """centre_y += rate * (f - normalise(centre_y)), the rule of the authors' released code.

    From zero and with unit features, the centre is always ``rate`` times the last feature of its
    class. Of several samples of one class in a batch, the last one counts.

    Args:
        prototypes: [C, P], changed in place.
        features: [B, P].
        labels: [B] long, in [0, C).
        rate: in [0, 1].
    """
    same_class = labels.unsqueeze(1) == labels.unsqueeze(0)
    last = ~same_class.triu(diagonal=1).any(dim=1)
    steps = features.to(prototypes.dtype) - class_centres(prototypes, labels)
    prototypes.index_add_(0, labels, rate * last.unsqueeze(1) * steps)


def class_centres(prototypes: Tensor, labels: Tensor) -> Tensor:
    """The L2-normalised prototypes [B, P] of ``labels`` [B]; a zero prototype stays zero."""
    return F.normalize(prototypes[labels], dim=1)
