"""What methods that choose whole real images share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fd2.image_counts import require_whole_images
from fd2.methods._interface import SelectionRequest
from fd2.methods._optimising import closed, teachers_schema

if TYPE_CHECKING:
    from torch import Tensor


def coreset_schema(own: dict[str, Any]) -> dict[str, Any]:
    """Settings of a method that looks at features; ``own`` are properties of it alone."""
    teachers = teachers_schema(1, 1, "The plain teacher whose features are compared.")
    return closed({"teachers": teachers, **own})


def select_whole(request: SelectionRequest, choose: Callable[[str, Tensor], Tensor]) -> Tensor:
    """Real images of each class that a method chooses.

    Args:
        request: what the method may look at.
        choose: from a class's name and the positions ``[M]`` of its images in the training split
            to the chosen n of these M, in the order of their slots.

    Returns:
        uint8 ``[n, C, K, H, W]``.

    Raises:
        FD2Error: if a class has fewer than n training images.
    """
    import torch

    dataset = request.dataset
    indices_of = dataset.class_indices(dataset.train)
    members_of = dict(zip(dataset.manifest.classes, indices_of, strict=True))
    counts = {name: len(members) for name, members in members_of.items()}
    require_whole_images(dataset.manifest.dataset, counts, request.images_per_class)
    chosen = [members[choose(name, members)] for name, members in members_of.items()]
    indices = torch.stack(chosen, dim=1)
    images = dataset.train.batch(indices.flatten(), torch.device("cpu"))
    return images.unflatten(0, indices.shape).contiguous()
