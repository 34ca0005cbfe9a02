"""How small the part of an image is that a network looks at: the complexity of Comp-DD.

Source: Wang et al., Emphasizing Discriminative Features for Dataset Distillation in Complex
Scenarios (EDF), CVPR 2025, section 3, in the form of its public code: 1 minus the share of the
activation map's cells above a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def cells_above(maps: Tensor, thresholds: Sequence[float]) -> Tensor:
    """How many cells of each map are above each threshold, and not at it.

    Args:
        maps: ``[n, h, w]``.
        thresholds: T numbers.

    Returns:
        int64 ``[n, T]``.
    """
    limits = torch.tensor(thresholds, dtype=maps.dtype, device=maps.device)
    return (maps.flatten(1)[:, :, None] > limits).sum(1)


def class_complexity(above: Tensor, cells: int, labels: Tensor, classes: int) -> Tensor:
    """Mean complexity of each class's images.

    Args:
        above: what `cells_above` counted, int64 ``[n, T]``.
        cells: of each map.
        labels: int64 ``[n]``.
        classes: their number C; each has an image.

    Returns:
        float64 ``[C, T]``. Cells are summed as whole numbers, so no order of images changes it.
    """
    return 1 - class_means(above, labels, classes) / cells


def class_means(values: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Mean of each class's images, float64 ``[C, K]``.

    Args:
        values: of each image, ``[n, K]``.
        labels: int64 ``[n]``.
        classes: their number C; each has an image.
    """
    counts = torch.bincount(labels, minlength=classes)
    totals = values.new_zeros((classes, values.shape[1])).index_add_(0, labels, values)
    return totals.double() / counts[:, None]
