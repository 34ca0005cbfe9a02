"""Images with boxes, as arrays, and what of them a detector learns from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import torch
from torch import Tensor


@dataclass(frozen=True)
class AnnotatedImages:
    """N images and M boxes of C categories. Tensors are on the CPU.

    Attributes:
        categories: number and name of each, as the annotation file has them.
        names: the images' files, below a folder.
        sizes: int64 ``[N, 2]``, width and height in pixels.
        image: int64 ``[M]``, position of each box's image.
        category: int64 ``[M]``, position of each box's category.
        boxes: float64 ``[M, 4]``, left, top, width and height in pixels.
        areas: float64 ``[M]``, of the object, in pixels.
        crowd: bool ``[M]``, whether a box is of many objects; it is not learned, and whatever a
            detector finds in it counts neither for nor against it.
    """

    categories: tuple[tuple[int, str], ...]
    names: tuple[str, ...]
    sizes: Tensor
    image: Tensor
    category: Tensor
    boxes: Tensor
    areas: Tensor
    crowd: Tensor

    def learned(self) -> tuple[list[int], list[Tensor], list[Tensor]]:
        """What a detector is trained on: images with at least one box that is no crowd.

        Boxes are clipped to their image; one without area teaches nothing.

        Returns:
            Positions of the images, rising; for each float32 ``[m, 4]``, left, top, right and
            bottom, and int64 ``[m]``, the category's position plus 1, as torchvision counts.
        """
        corners = clipped(self.boxes, self.sizes[self.image])
        kept = ~self.crowd & (corners[:, 2:] > corners[:, :2]).all(1)
        # Stable, so that boxes of an image keep their order.
        order = kept.nonzero().flatten()
        order = order[self.image[order].argsort(stable=True)]
        positions, counts = self.image[order].unique_consecutive(return_counts=True)
        of_image = counts.tolist()
        return (
            positions.tolist(),
            list(corners[order].float().split(of_image)),
            list((self.category[order] + 1).split(of_image)),
        )


def clipped(boxes: Tensor, sizes: Tensor) -> Tensor:
    """Boxes ``[M, 4]`` by left, top, width and height to corners inside of images.

    Args:
        boxes: in pixels.
        sizes: ``[M, 2]``, width and height of each one's image.
    """
    corners = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
    return torch.minimum(corners.clamp(min=0), sizes.repeat(1, 2).to(corners))


def is_plain_name(name: str) -> bool:
    """Whether a file's name stays below the folder that it is looked for in."""
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts
