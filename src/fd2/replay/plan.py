"""Draws the stored augmentation of a distilled set for all epochs."""

from __future__ import annotations

import numpy as np
import torch

from fd2.artifacts.soft_labels import StoredAugmentation
from fd2.augment.cutmix import sample_cutmix
from fd2.augment.sampling import sample_crops, sample_flips
from fd2.image_counts import half_batch_sizes
from fd2.runtime.seeds import numpy_generator


def plan_augmentation(
    names: tuple[object, ...],
    count: int,
    epochs: int,
    size: int,
    *,
    batch_size: int,
    crop_scale: tuple[float, float] | None,
    cutmix_alpha: float | None,
) -> StoredAugmentation:
    """Draw order, crops, flips and CutMix for N = ``count`` images over E = ``epochs`` epochs.

    Each epoch has a generator of its own, seeded by ``names`` and its number, so a prefix of the
    epochs is a prefix of the plan. ``size`` is in pixels, ``crop_scale`` the smallest and largest
    area of a crop; CutMix draws a ratio ~ Beta(alpha, alpha) and one box per batch of at most
    ``batch_size``. Without ``crop_scale`` images are neither cropped nor flipped, without
    ``cutmix_alpha`` not mixed.
    """
    halves = half_batch_sizes(count, batch_size)
    batches = [a + b for a, b in zip(halves[::2], halves[1::2], strict=True)]
    order = np.empty((epochs, count), dtype=np.int64)
    partners = np.empty((epochs, count), dtype=np.int64)
    # Nobody's partner but their own, in no pixel.
    partners[:] = np.arange(count)
    mix_boxes = np.zeros((epochs, count, 4), dtype=np.int64)
    whole = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(count, 4)
    boxes, flips = [], []
    for epoch in range(epochs):
        rng = numpy_generator(*names, "epoch", epoch)
        order[epoch] = rng.permutation(count)
        if crop_scale is None:
            boxes.append(whole)
            flips.append(torch.zeros(count, dtype=torch.bool))
        else:
            boxes.append(sample_crops(rng, count, size, crop_scale))
            flips.append(sample_flips(rng, count))
        if cutmix_alpha is None:
            continue
        for ids in np.split(order[epoch], np.cumsum(batches)[:-1]):
            mix = sample_cutmix(rng, ids, size, cutmix_alpha)
            partners[epoch, ids] = mix.partners
            mix_boxes[epoch, ids] = mix.box
    return StoredAugmentation(
        order=torch.from_numpy(order),
        half_sizes=torch.tensor(halves),
        boxes=torch.stack(boxes),
        flips=torch.stack(flips),
        partners=torch.from_numpy(partners),
        mix_boxes=torch.from_numpy(mix_boxes),
    )
