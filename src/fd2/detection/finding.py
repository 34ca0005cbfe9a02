"""What a detector finds in images, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from fd2.detection.average_precision import Detections
from fd2.detection.networks import seen_by
from fd2.detection.pictures import Pictures
from fd2.runtime.progress import Progress

#: Images that a detector sees at once.
BATCH = 8


def detections(
    detector: nn.Module,
    pictures: Pictures,
    positions: Sequence[int],
    categories: Sequence[int | None],
    device: torch.device,
) -> Detections:
    """Everything that a detector finds in images.

    Args:
        detector: on ``device``.
        pictures: the images.
        positions: of those that are looked at.
        categories: position of the category of each of the detector's outputs; what it finds of an
            output with None is left out.
        device: where it computes.
    """
    known = torch.tensor([-1 if one is None else one for one in categories])
    batches = [positions[start : start + BATCH] for start in range(0, len(positions), BATCH)]
    progress = Progress(len(batches), "looking for objects")
    image, boxes, category, scores = [], [], [], []
    for _, batch, images in zip(progress, batches, pictures.batches(batches), strict=True):
        for position, found in zip(batch, seen_by(detector, images, device), strict=True):
            found = {key: value.cpu() for key, value in found.items()}
            own = known[found["labels"]]
            image.append(torch.full((int((own >= 0).sum()),), position))
            boxes.append(found["boxes"][own >= 0])
            category.append(own[own >= 0])
            scores.append(found["scores"][own >= 0])
    return Detections(*map(torch.cat, (image, boxes, category, scores)))
