"""CutMix as stored draws and an out-of-place application."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fd2.errors import FD2Error


@dataclass(frozen=True)
class CutMix:
    """One draw of CutMix for a batch.

    Attributes:
        partners: ``[B]`` image ids, a permutation of the batch's ids; image b takes the box of
            ``partners[b]``.
        box: (y0, y1, x0, x1) in pixels, ends excluded, shared by the batch; may be empty.
        ratio: the drawn lambda in ``[0, 1]``, the share of an image's own pixels before the box is
            rounded and clipped.
    """

    partners: np.ndarray
    box: tuple[int, int, int, int]
    ratio: float


def sample_cutmix(
    rng: np.random.Generator, image_ids: np.ndarray, size: int, alpha: float = 1.0
) -> CutMix:
    """Draw partners and a box: lambda ~ Beta(alpha, alpha), side ``int(size * sqrt(1 - lambda))``.

    The centre is uniform over the pixels; the box reaches ``side // 2`` from it each way and is
    clipped to the image. Drawn in this order: lambda, permutation of the ids ``[B]``, centre row,
    centre column.

    Raises:
        FD2Error: if ``alpha`` is not positive.
    """
    if not alpha > 0:
        raise FD2Error(
            f"alpha is {alpha}",
            "augment.cutmix.sample_cutmix",
            "give a positive alpha, or leave CutMix out",
        )
    ratio = float(rng.beta(alpha, alpha))
    partners = rng.permutation(image_ids)
    half = int(size * (1 - ratio) ** 0.5) // 2
    y, x = (int(centre) for centre in rng.integers(0, size, 2))
    box = (max(y - half, 0), min(y + half, size), max(x - half, 0), min(x + half, size))
    return CutMix(partners, box, ratio)


def apply_cutmix(images: Tensor, partner_positions: Tensor, boxes: Tensor) -> Tensor:
    """Paste each image's partner into its box, into a new tensor.

    Args:
        images: ``[B, C, H, W]``.
        partner_positions: ``[B]`` int64, positions of the partners in this batch.
        boxes: ``[B, 4]`` int64 (y0, y1, x0, x1) in pixels, ends excluded.

    Returns:
        ``[B, C, H, W]``; partners are read from the unmixed images.

    Raises:
        FD2Error: if the shapes do not fit together.
    """
    batch = images.shape[0]
    if partner_positions.shape != (batch,) or boxes.shape != (batch, 4):
        raise FD2Error(
            f"partners {tuple(partner_positions.shape)} and boxes {tuple(boxes.shape)} do not fit "
            f"images {tuple(images.shape)}",
            "augment.cutmix.apply_cutmix",
            "give partners [B] and boxes [B, 4] for images [B, C, H, W]",
        )
    height, width = images.shape[-2:]
    y0, y1, x0, x1 = boxes[:, :, None].unbind(1)
    rows = torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device)
    inside_rows = ((rows >= y0) & (rows < y1))[:, None, :, None]
    inside_columns = ((columns >= x0) & (columns < x1))[:, None, None, :]
    return torch.where(inside_rows & inside_columns, images[partner_positions], images)
