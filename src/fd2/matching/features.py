"""Distribution matching (DM): real and synthetic images of a class have the same mean features.

Source: Zhao and Bilen, *Dataset Condensation with Distribution Matching*, WACV 2023, and its code,
https://github.com/VICO-UoE/DatasetCondensation, main_DM.py.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fd2.matching.real_images import ClassBatch
from fd2.networks.backbone import Backbone


def feature_distance(
    network: Backbone, synthetic: Tensor, real: ClassBatch, labels: Tensor
) -> Tensor:
    """Squared distance of the mean embeddings of each class, real and synthetic.

    Args:
        network: without batch norm, so that classes do not meet in it.
        synthetic: ``[K, m, C, H, W]``, normalised.
        real: of the same classes; no gradient flows through them.
        labels: of the classes; not looked at.

    Returns:
        ``[K]``.
    """
    with torch.no_grad():
        wanted = (_embeddings(network, real.images) * real.shares[..., None]).sum(1)
    return (wanted - _embeddings(network, synthetic).mean(1)).square().sum(1)


def _embeddings(network: Backbone, images: Tensor) -> Tensor:
    """Images ``[K, n, C, H, W]`` to ``[K, n, D]``, all in one pass."""
    features = network.features(images.flatten(0, 1))
    return network.embedding(features).unflatten(0, images.shape[:2])
