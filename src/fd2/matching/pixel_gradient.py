"""The gradient of a matching loss with respect to the synthetic images, some classes at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fd2.augment.differentiable import Augmentations
from fd2.matching.features import feature_distance
from fd2.matching.gradients import gradient_distance
from fd2.matching.real_images import ClassBatch
from fd2.networks.backbone import Backbone

Objective = Callable[[Backbone, Tensor, ClassBatch, Tensor], Tensor]
#: What the images of a set minimise, by what is compared.
OBJECTIVES: dict[str, Objective] = {"features": feature_distance, "gradients": gradient_distance}


def pixel_gradient(
    objective: Objective,
    network: Backbone,
    images: Tensor,
    real: ClassBatch,
    record: Augmentations | None,
    class_chunk: int,
) -> tuple[Tensor, Tensor]:
    """The loss of each class, and the gradient of their sum with respect to the synthetic images.

    Args:
        objective: one of `OBJECTIVES`.
        network: without batch norm.
        images: synthetic ones of all classes ``[C, m, channels, H, W]``, normalised.
        real: of all classes.
        record: a row for each class, through which both its synthetic and its real images are seen;
            None for no augmentation.
        class_chunk: classes at a time; fewer take less memory and give the same numbers.

    Returns:
        Losses ``[C]`` and the gradient, as ``images``.
    """
    losses, gradients = [], []
    labels = torch.arange(len(images), device=images.device)
    for first in range(0, len(images), class_chunk):
        classes = slice(first, first + class_chunk)
        leaf = images.detach()[classes].requires_grad_()
        some = ClassBatch(_seen(real.images[classes], record, classes), real.shares[classes])
        loss = objective(network, _seen(leaf, record, classes), some, labels[classes])
        gradients.append(torch.autograd.grad(loss.sum(), leaf)[0])
        losses.append(loss.detach())
    return torch.cat(losses), torch.cat(gradients)


def _seen(images: Tensor, record: Augmentations | None, classes: slice) -> Tensor:
    """Images ``[K, n, channels, H, W]`` through the rows of their classes."""
    if record is None:
        return images
    count, each = images.shape[:2]
    rows = torch.arange(len(record))[classes].repeat_interleave(each)
    return record[rows].apply(images.flatten(0, 1)).unflatten(0, (count, each))
