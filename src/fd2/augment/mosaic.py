"""Images tiled from crops of real images."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fd2.artifacts.prepared import PreparedDataset
from fd2.augment.normalise import Normaliser
from fd2.augment.views import crops_only


def tiled(
    dataset: PreparedDataset, indices: Tensor, boxes: Tensor, normaliser: Normaliser
) -> Tensor:
    """One image of each class from crops, row by row from the top left.

    Args:
        dataset: of the images.
        indices: positions in the training split, of each of t² tiles and each class ``[t², C]``.
        boxes: their crops ``[t², C, 4]``: top, left, height, width, as fractions of the image.
        normaliser: of the images.

    Returns:
        Normalised ``[C, K, H, W]`` on the CPU; crops are resized antialiased.
    """
    size, tiles = dataset.manifest.resolution, math.isqrt(len(indices))
    # Tile borders where the size is not divisible: edges [0, 48, 97] rather than a black line.
    edges = [size * i // tiles for i in range(tiles + 1)]
    canvas = torch.zeros(len(indices[0]), dataset.manifest.channels, size, size)
    for number, (members, crops) in enumerate(zip(indices, boxes, strict=True)):
        row, column = divmod(number, tiles)
        images = normaliser.normalise(dataset.train.batch(members, torch.device("cpu")))
        side = edges[1] - edges[0]
        height, width = edges[row + 1] - edges[row], edges[column + 1] - edges[column]
        piece = crops_only(crops).apply(images, max(side, height, width), antialias=True)
        canvas[:, :, edges[row] : edges[row + 1], edges[column] : edges[column + 1]] = piece[
            :, :, :height, :width
        ]
    return canvas
