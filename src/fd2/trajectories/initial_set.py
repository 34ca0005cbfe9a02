"""What a set starts from: real images, and labels of the experts.

Source: the public code of DATM, distill/DATM.py, https://github.com/NUS-HPC-AI-Lab/DATM.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fd2.artifacts.image_batches import ImageBatches
from fd2.artifacts.prepared import PreparedDataset
from fd2.augment.whitening import normaliser_of
from fd2.errors import FD2Error
from fd2.trajectories.flat_network import FlatNetwork

#: Images that a network sees together where nobody asks for fewer.
_BATCH = 512


def correct_images(
    network: FlatNetwork,
    experts: Sequence[Tensor],
    dataset: PreparedDataset,
    count: int,
    rng: np.random.Generator,
    device: torch.device,
    images_at_once: int | None = None,
) -> Tensor:
    """Real images of each class, in a random order, that an expert is right about.

    The first expert chooses; where it is right about too few images of a class, the next one
    chooses among the others.

    Args:
        network: of the experts.
        experts: last parameters ``[P]`` of each.
        dataset: of which the training images are.
        count: of each class.
        rng: the order.
        device: of the networks.
        images_at_once: passed through a network together at most.

    Returns:
        Normalised ``[C * count, channels, H, W]``, class by class.

    Raises:
        FD2Error: if all experts together are right about too few images of a class; names it.
    """
    normaliser = normaliser_of(dataset)
    pixels = ImageBatches(dataset.train, device)
    chosen = []
    for label, members in enumerate(dataset.class_indices(dataset.train)):
        order = torch.from_numpy(rng.permutation(members.numpy()))
        taken = order[:0]
        for weights in experts:
            images = normaliser.normalise(pixels.batch(order))
            logits = _logits(network, weights.to(device), images, images_at_once)
            right = (logits.argmax(1) == label).cpu()
            taken = torch.cat([taken, order[right]])[:count]
            order = order[~right]
            if len(taken) == count:
                break
        else:
            raise FD2Error(
                f"the experts are right about {len(taken)} training images of class "
                f"'{dataset.manifest.classes[label]}', not about {count}",
                "initial_images: correct",
                "train experts for longer, ask for fewer images per class, or set it to 'real'",
            )
        chosen.append(taken)
    return normaliser.normalise(pixels.batch(torch.cat(chosen)))


def expert_labels(
    network: FlatNetwork,
    experts: Sequence[Tensor],
    images: Tensor,
    classes: Tensor,
    images_at_once: int | None = None,
) -> Tensor:
    """The mean logits of the experts that are right about an image; of all where none is.

    Args:
        network: of the experts.
        experts: last parameters ``[P]`` of each.
        images: ``[n, channels, H, W]``, normalised.
        classes: ids ``[n]``.
        images_at_once: passed through a network together at most.

    Returns:
        ``[n, classes]``.
    """
    logits = torch.stack(
        [_logits(network, each.to(images.device), images, images_at_once) for each in experts]
    )
    right = (logits.argmax(2) == classes).to(logits.dtype)
    share = torch.where(right.sum(0) > 0, right, torch.ones_like(right))
    return (logits * share[:, :, None]).sum(0) / share.sum(0)[:, None]


def _logits(
    network: FlatNetwork, weights: Tensor, images: Tensor, images_at_once: int | None
) -> Tensor:
    pieces = images.split(images_at_once or _BATCH)
    with torch.no_grad():
        return torch.cat([network.logits(weights, some) for some in pieces])
