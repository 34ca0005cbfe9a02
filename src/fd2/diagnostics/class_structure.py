"""How the classes of a labelled set lie in a network's feature space.

FD² (section 4.3, figures 1a, 3a and 3b) speaks of intra-class compactness and of distances between
class centres without formulas. Those below are our own definitions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fd2.errors import FD2Error


@dataclass(frozen=True)
class ClassStructure:
    """Spread within classes and distance between them, of features of length 1.

    Attributes:
        intra_class_variance: in [0, 2]; None if no class has two images.
        centre_distance: mean distance of two class centres, in [0, 2].
        nearest_centre_distance: mean over classes of the distance to the nearest other centre.
        margin: in [-2, 2]; None if no class has two images.
        nearest_distances: float64 ``[C]``, each class's distance to the nearest other centre.
        nearest_classes: int64 ``[C]``, the class of that centre.
    """

    intra_class_variance: float | None
    centre_distance: float
    nearest_centre_distance: float
    margin: float | None
    nearest_distances: Tensor
    nearest_classes: Tensor


def class_structure(features: Tensor, labels: Tensor, classes: int) -> ClassStructure:
    """Measure a labelled set in feature space.

    Each feature is divided by its length, so that numbers of networks whose features differ in
    scale compare, and in float64. With x of class c, n_c images and the centre m_c, their mean:

    - intra-class variance: the mean over classes of ``sum ||x - m_c||² / (n_c - 1)``;
    - centre distance: the mean over pairs of classes of ``||m_a - m_b||``;
    - margin: the mean over classes, and over the images of each, of the distance to the nearest
      centre of another class minus that to the mean of the *other* images of the own class. It is
      negative where a nearest-centre classifier errs.

    Variance and margin count classes with two images or more. Few images make centres uncertain
    and hence distant: compare sets of as many images per class.

    Args:
        features: ``[N, D]``; a feature of zeros stays zero.
        labels: int64 ``[N]``, in [0, C), on the device of ``features``.
        classes: C, at least 2.

    Raises:
        FD2Error: if a class has no image.
    """
    unit = functional.normalize(features.double(), dim=1)
    counts = torch.bincount(labels, minlength=classes)
    if bool((counts == 0).any()):
        empty = (counts == 0).nonzero().flatten().tolist()
        raise FD2Error(
            f"no image of class ids {empty}", "diagnostics", "give images of every class"
        )
    centres = unit.new_zeros(classes, unit.shape[1]).index_add_(0, labels, unit)
    centres /= counts.unsqueeze(1)
    between = _distances(centres, centres).fill_diagonal_(torch.inf)
    nearest = between.min(dim=1)
    pairs = between[~torch.eye(classes, dtype=torch.bool, device=between.device)]
    variance, margin = _within(unit, labels, counts, centres)
    return ClassStructure(
        variance,
        pairs.mean().item(),
        nearest.values.mean().item(),
        margin,
        nearest.values.cpu(),
        nearest.indices.cpu(),
    )


def _within(
    unit: Tensor, labels: Tensor, counts: Tensor, centres: Tensor
) -> tuple[float | None, float | None]:
    """Intra-class variance and margin."""
    several = counts > 1
    if not bool(several.any()):
        return None, None
    own = torch.linalg.vector_norm(unit - centres[labels], dim=1)
    others = _distances(unit, centres).scatter_(1, labels.unsqueeze(1), torch.inf)
    # The mean of the other images of a class lies n/(n-1) times as far away as the centre.
    stretch = counts / (counts - 1).clamp_min(1)
    margins = others.min(dim=1).values - stretch[labels] * own
    sums = unit.new_zeros(2, len(counts)).index_add_(
        1, labels, torch.stack([own.square(), margins])
    )
    variance = sums[0] / (counts - 1).clamp_min(1)
    return variance[several].mean().item(), (sums[1] / counts)[several].mean().item()


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances ``[A, B]``, exact also where rows nearly agree."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
