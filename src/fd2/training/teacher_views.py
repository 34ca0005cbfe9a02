"""What a teacher sees in training: batches of augmented images, attention crops and drops."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fd2.augment.boxes import attention_boxes, attention_drop_mask
from fd2.augment.colour import colour_jitter, rotate, sample_jitter
from fd2.augment.normalise import Normaliser
from fd2.augment.sampling import sample_crops, sample_flips
from fd2.augment.views import crops_only
from fd2.config.settings import CounterfactualAttentionSettings, TrainingAugmentation
from fd2.image_counts import even_sizes


def epoch_batches(rng: np.random.Generator, count: int, most: int) -> list[Tensor]:
    """A shuffled epoch as index tensors (int64, on the CPU), sizes as in `even_sizes`."""
    order = torch.from_numpy(rng.permutation(count))
    return list(order.split(even_sizes(count, most)))


def augment_training(
    images: Tensor, normaliser: Normaliser, settings: TrainingAugmentation, rng: np.random.Generator
) -> Tensor:
    """Flip, crop, colour jitter and rotation of images uint8 ``[B, K, H, W]``, then normalisation.

    A strength of zero, or crops of the entire area, skip their step.

    Returns:
        Normalised float32 ``[B, K, H, W]``; corners uncovered by the rotation hold the mean colour,
        or are black where it takes the nearest pixels.
    """
    count = len(images)
    for axis, wanted in ((3, settings.flip != "none"), (2, settings.flip == "both")):
        if wanted:
            flips = sample_flips(rng, count).to(images.device)
            images = torch.where(flips[:, None, None, None], images.flip(axis), images)
    if min(settings.crop_scale) < 1:
        boxes = sample_crops(rng, count, images.shape[-1], settings.crop_scale)
        images = crops_only(boxes).apply(images.float() / 255, images.shape[-1])
    strengths = (settings.brightness, settings.contrast, settings.saturation, settings.hue)
    if any(strengths):
        factors = sample_jitter(rng, count, *strengths)
        unit = images if images.is_floating_point() else images.float() / 255
        images = colour_jitter(unit, factors)
    if not settings.rotation:
        return normaliser.normalise(images)
    degrees = rng.uniform(-settings.rotation, settings.rotation, count).astype(np.float32)
    angles = torch.from_numpy(degrees).to(images.device)
    if settings.rotation_filter == "nearest":
        unit = images if images.is_floating_point() else images.float() / 255
        return normaliser.normalise(rotate(unit, angles, "nearest"))
    return rotate(normaliser.normalise(images), angles)


def attention_views(
    images: Tensor,
    attention: Tensor,
    settings: CounterfactualAttentionSettings,
    generator: torch.Generator,
) -> Tensor:
    """Attention crops followed by attention drops, for the second pass of CAL.

    Two attention maps per image are drawn with replacement, with a chance proportional to
    sqrt(sum of the map); the first guides the crop, the second the drop.

    Args:
        images: normalised ``[B, K, H, W]``.
        attention: maps ``[B, M, h, w]``, not negative; no gradient flows through the choice.
        settings: ranges of the thresholds of crop and drop, drawn uniformly, and the crop's box.
        generator: on the device of ``attention``.

    Returns:
        ``[2B, K, H, W]``: crops, then drops.
    """
    maps = attention.detach().float()
    count, size = len(images), images.shape[-1]
    weights = (maps.sum((2, 3)) + 1e-6).sqrt()
    # Of a network that has diverged; its loss tells so at the end of the epoch, in better words
    # than a failed draw (on a GPU a failed draw ends the whole process).
    weights = torch.where(weights.isfinite(), weights, 1)
    chosen = torch.multinomial(weights, 2, replacement=True, generator=generator)
    rows = torch.arange(count, device=maps.device)
    uniform = torch.rand(2, count, generator=generator, device=maps.device)
    (crop_low, crop_high), (drop_low, drop_high) = settings.attention_crop, settings.attention_drop
    crop_level = crop_low + (crop_high - crop_low) * uniform[0]
    drop_level = drop_low + (drop_high - drop_low) * uniform[1]
    cropping = maps[rows, chosen[:, 0]]
    boxes = attention_boxes(cropping, crop_level, size, rule=settings.attention_box)
    mask = attention_drop_mask(maps[rows, chosen[:, 1]], drop_level, size)
    return torch.cat([crops_only(boxes).apply(images, size), images * mask])
