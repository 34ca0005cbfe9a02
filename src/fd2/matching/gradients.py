"""Gradient matching (DC, DSA): real and synthetic images of a class move a network alike.

Source: Zhao, Mopuri and Bilen, *Dataset Condensation with Gradient Matching*, ICLR 2021, and its
code, https://github.com/VICO-UoE/DatasetCondensation, utils.py (``match_loss``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy

from fd2.matching.real_images import ClassBatch
from fd2.networks.backbone import Backbone

#: Added to the product of norms.
_OFFSET = 1e-6


def gradient_distance(
    network: Backbone, synthetic: Tensor, real: ClassBatch, labels: Tensor
) -> Tensor:
    """Distance of the gradients of the network's weights by the images of each class.

    Args:
        network: without batch norm, so that classes do not meet in it.
        synthetic: ``[K, m, C, H, W]``, normalised.
        real: of the same classes; no gradient flows through them.
        labels: class ids ``[K]``.

    Returns:
        ``[K]``.
    """
    even = synthetic.new_full(synthetic.shape[:2], 1 / synthetic.shape[1])
    wanted = class_gradients(network, real.images, real.shares, labels, create_graph=False)
    found = class_gradients(network, synthetic, even, labels, create_graph=True)
    return layerwise_distance(found, wanted)


def class_gradients(
    network: Backbone, images: Tensor, shares: Tensor, labels: Tensor, *, create_graph: bool
) -> list[Tensor]:
    """Gradients of the mean cross-entropy of each class with respect to the network's weights.

    Several classes are computed together by `torch.func`, a single one without its overhead.
    Biases and the weights of norms are left out, as the distance does not look at them.

    Args:
        network: without batch norm.
        images: ``[K, n, C, H, W]``, normalised.
        shares: ``[K, n]``, what each image counts; a class's sum to 1.
        labels: class ids ``[K]``.
        create_graph: whether the gradients are differentiable with respect to the images.

    Returns:
        ``[K, out, ...]`` for each weight of more than one axis, in the network's order.
    """
    parameters = {name: value.detach() for name, value in network.named_parameters()}
    weights = {name: value for name, value in parameters.items() if value.ndim > 1}

    def loss(values: Mapping[str, Tensor], x: Tensor, share: Tensor, label: Tensor) -> Tensor:
        logits: Tensor = functional_call(network, {**parameters, **values}, (x,))
        return (share * cross_entropy(logits, label.expand(len(x)), reduction="none")).sum()

    if len(images) == 1:
        leaves = {name: value.requires_grad_() for name, value in weights.items()}
        own = loss(leaves, images[0], shares[0], labels[0])
        alone = torch.autograd.grad(own, list(leaves.values()), create_graph=create_graph)
        return [each[None] for each in alone]
    with torch.set_grad_enabled(create_graph):
        together = vmap(grad(loss), (None, 0, 0, 0))(weights, images, shares, labels)
    return list(together.values())


def layerwise_distance(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Sum over layers and output channels of 1 - cos between two gradients.

    Args:
        found: of each weight, ``[K, out, ...]``.
        wanted: likewise.

    Returns:
        ``[K]``.
    """
    total = found[0].new_zeros(len(found[0]))
    for one, other in zip(found, wanted, strict=True):
        a, b = one.flatten(2), other.flatten(2)
        norms = torch.linalg.vector_norm(a, dim=2) * torch.linalg.vector_norm(b, dim=2)
        total = total + (1 - (a * b).sum(2) / (norms + _OFFSET)).sum(1)
    return total
