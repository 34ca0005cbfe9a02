"""What methods that choose whole real images share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fd2.image_counts import require_whole_images
from fd2.methods._interface import Selection, SelectionRequest
from fd2.methods._optimising import closed, teachers_schema

if TYPE_CHECKING:
    from torch import Tensor

    from fd2.artifacts.prepared import PreparedDataset

_BATCH = 256


def coreset_schema(own: dict[str, Any]) -> dict[str, Any]:
    """Settings of a method that looks at features; ``own`` are properties of it alone."""
    teachers = teachers_schema(1, 1, "The plain teacher whose features are compared.")
    return closed({"teachers": teachers, **own})


def members_by_class(dataset: PreparedDataset) -> dict[str, Tensor]:
    """For each class, by its name, the positions of its images in the training split."""
    indices = dataset.class_indices(dataset.train)
    return dict(zip(dataset.manifest.classes, indices, strict=True))


def select_whole(request: SelectionRequest, choose: Callable[[str, Tensor], Tensor]) -> Selection:
    """Real images of each class that a method chooses.

    Args:
        request: what the method may look at.
        choose: from a class's name and the positions ``[M]`` of its images in the training split
            to the chosen n of these M, in the order of their slots.

    Returns:
        Whole images.

    Raises:
        FD2Error: if a class has fewer than n training images.
    """
    import torch

    dataset = request.dataset
    members_of = members_by_class(dataset)
    counts = {name: len(members) for name, members in members_of.items()}
    require_whole_images(dataset.manifest.dataset, counts, request.images_per_class)
    chosen = [members[choose(name, members)] for name, members in members_of.items()]
    indices = torch.stack(chosen, dim=1)
    images = dataset.train.batch(indices.flatten(), torch.device("cpu"))
    shown = images.unflatten(0, indices.shape).contiguous()
    return Selection(shown, {"images": indices.tolist()})


def training_features(request: SelectionRequest) -> Tensor:
    """What the teacher's classifier sees of each training image, float32 ``[N, D]`` on the CPU."""
    import torch

    teacher = request.teacher
    assert teacher is not None
    split, backbone = request.dataset.train, teacher.network.backbone
    device = next(backbone.parameters()).device
    seen = []
    with torch.no_grad():
        for ids in torch.arange(len(split.labels)).split(_BATCH):
            images = teacher.normaliser.normalise(split.batch(ids, device))
            seen.append(backbone.embedding(backbone.features(images)).float().cpu())
    return torch.cat(seen)
