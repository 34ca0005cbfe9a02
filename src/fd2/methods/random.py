"""Random real images: the baseline that every distilled set has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fd2.methods._interface import Selection, SelectionRequest
from fd2.methods._selecting import select_whole
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


def select(request: SelectionRequest) -> Selection:
    """The first n images of a seeded permutation of each class, so that n is a prefix of m > n.

    Raises:
        FD2Error: if a class has fewer than n training images.
    """
    import torch

    def draw(name: str, members: Tensor) -> Tensor:
        dataset = request.dataset.manifest.dataset
        generator = torch_generator("random", request.seed, dataset, name)
        return torch.randperm(len(members), generator=generator)[: request.images_per_class]

    return select_whole(request, draw)
