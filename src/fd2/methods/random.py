"""Random real images: the baseline that every distilled set has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fd2.image_counts import require_whole_images
from fd2.methods._interface import SelectionRequest
from fd2.runtime.seeds import torch_generator

if TYPE_CHECKING:
    from torch import Tensor

LABEL = "Random real images"
KIND = "selection"
SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {},
    "description": "Random selection has no settings but the distillation seed.",
}


def select(request: SelectionRequest) -> Tensor:
    """The first n images of a seeded permutation of each class, so that n is a prefix of m > n.

    Returns:
        uint8 ``[n, C, K, H, W]``.

    Raises:
        FD2Error: if a class has fewer than n training images.
    """
    import torch

    dataset, count = request.dataset, request.images_per_class
    indices_of = dataset.class_indices(dataset.train)
    members_of = dict(zip(dataset.manifest.classes, indices_of, strict=True))
    counts = {name: len(members) for name, members in members_of.items()}
    require_whole_images(dataset.manifest.dataset, counts, count)
    chosen = []
    for name, members in members_of.items():
        generator = torch_generator("random", request.seed, dataset.manifest.dataset, name)
        chosen.append(members[torch.randperm(len(members), generator=generator)[:count]])
    indices = torch.stack(chosen, dim=1)
    images = dataset.train.batch(indices.flatten(), torch.device("cpu"))
    return images.unflatten(0, indices.shape).contiguous()
