"""Distribution matching (DM): real and synthetic images of a class have the same mean features.

Source: Zhao and Bilen, *Dataset Condensation with Distribution Matching*, WACV 2023, and its code,
https://github.com/VICO-UoE/DatasetCondensation, main_DM.py.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fd2.matching.real_images import ClassBatch
from fd2.networks.backbone import Backbone


def feature_distance(
    network: Backbone,
    synthetic: Tensor,
    real: ClassBatch,
    labels: Tensor,
    real_features: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Squared distance of the mean embeddings of each class, real and synthetic.

    Args:
        network: without batch norm, so that classes do not meet in it.
        synthetic: ``[K, m, C, H, W]``, normalised.
        real: of the same classes; no gradient flows through them.
        labels: of the classes; not looked at.
        real_features: the network's features for the real images, computed in another way.

    Returns:
        ``[K]``.
    """
    with torch.no_grad():
        embedded = _embeddings(network, real_features or network.features, real.images)
    wanted = (embedded * real.shares[..., None]).sum(1)
    found = _embeddings(network, network.features, synthetic).mean(1)
    return (wanted - found).square().sum(1)


def _embeddings(network: Backbone, features: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Images ``[K, n, C, H, W]`` to ``[K, n, D]``, all in one pass."""
    return network.embedding(features(images.flatten(0, 1))).unflatten(0, images.shape[:2])
