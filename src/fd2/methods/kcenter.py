"""K-Center: real images that lie far from each other in feature space, farthest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fd2.methods._interface import Selection, SelectionRequest
from fd2.methods._selecting import coreset_schema, select_whole, training_features
from fd2.runtime.seeds import torch_generator

if TYPE_CHECKING:
    from torch import Tensor

LABEL = "K-Center"
KIND = "selection"
SETTINGS_SCHEMA = coreset_schema(
    {
        "start": {
            "type": "string",
            "enum": ["mean", "random"],
            "description": "First image of a class: the one nearest the class's mean, or any.",
        }
    }
)


def select(request: SelectionRequest) -> Selection:
    """The first n images of each class in farthest-first order, so that n is a prefix of m > n.

    Raises:
        FD2Error: if a class has fewer than n training images.
    """
    import torch

    from fd2.matching.coresets import k_center, nearest_to_mean

    features = training_features(request)
    dataset = request.dataset.manifest.dataset

    def choose(name: str, members: Tensor) -> Tensor:
        own = features[members]
        if request.settings["start"] == "mean":
            start = int(nearest_to_mean(own, 1))
        else:
            generator = torch_generator("kcenter", request.seed, dataset, name)
            start = int(torch.randint(len(members), (), generator=generator))
        return k_center(own, request.images_per_class, start)

    return select_whole(request, choose)
