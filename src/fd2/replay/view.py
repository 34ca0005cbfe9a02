"""Replays one epoch: the very pixels, batch by batch and half by half."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from fd2.artifacts.soft_labels import StoredAugmentation
from fd2.augment.cutmix import apply_cutmix
from fd2.augment.views import Views


@dataclass(frozen=True)
class HalfBatch:
    """Half a batch, which shares batch-norm statistics for teacher and student.

    Attributes:
        ids: image ids ``[b]``.
        partners: ids of the images mixed in ``[b]``.
        images: normalised, augmented, mixed ``[b, K, H, W]``.
        own_share: share of each image's own pixels ``[b]``, exact to the pixel.
    """

    ids: Tensor
    partners: Tensor
    images: Tensor
    own_share: Tensor


class Replay:
    """The stored augmentation of normalised images float ``[N, K, H, W]``, on their device.

    The row number of an image is its id.
    """

    def __init__(self, images: Tensor, augmentation: StoredAugmentation) -> None:
        device = images.device
        self._images = images
        self._size = images.shape[-1]
        # Sizes stay on the host: splitting by device tensors would wait for the device.
        self._halves = augmentation.half_sizes.tolist()
        self._order = augmentation.order.to(device)
        self._boxes = augmentation.boxes.to(device)
        self._flips = augmentation.flips.to(device)
        self._partners = augmentation.partners.to(device)
        self._mix_boxes = augmentation.mix_boxes.to(device)
        self._no_roll = torch.zeros(images.shape[0], 2, device=device)

    @property
    def batches(self) -> int:
        """Batches in an epoch."""
        return len(self._halves) // 2

    def epoch(self, epoch: int, begin: int = 0) -> Iterator[tuple[HalfBatch, HalfBatch]]:
        """The batches of an epoch in stored order, from number ``begin`` on, each as two halves."""
        parts = self._order[epoch].split(self._halves)[2 * begin :]
        for first, second in zip(parts[::2], parts[1::2], strict=True):
            yield self._batch(epoch, first, second)

    def seen(self, epochs: Tensor, ids: Tensor) -> Tensor:
        """Images ``[b, K, H, W]`` as they were labelled in these epochs ``[b]``, of any batches."""
        every = torch.cat([ids, self._partners[epochs, ids]])
        when = epochs.repeat(2)
        views = Views(self._boxes[when, every], self._flips[when, every], self._no_roll[every])
        shown = views.apply(self._images[every], self._size)
        # Each image's partner stands one half further on.
        partners = torch.arange(len(every), device=ids.device).roll(len(ids))
        mixed = apply_cutmix(shown, partners, self._mix_boxes[epochs, ids].repeat(2, 1))
        return mixed[: len(ids)]

    def _batch(self, epoch: int, first: Tensor, second: Tensor) -> tuple[HalfBatch, HalfBatch]:
        ids = torch.cat([first, second])
        views = Views(self._boxes[epoch, ids], self._flips[epoch, ids], self._no_roll[ids])
        seen = views.apply(self._images[ids], self._size)
        partners = self._partners[epoch, ids]
        # A permutation of the batch: exactly one position holds each partner's id.
        positions = (partners[:, None] == ids[None, :]).int().argmax(1)
        boxes = self._mix_boxes[epoch, ids]
        mixed = apply_cutmix(seen, positions, boxes)
        area = (boxes[:, 1] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 2])
        own = 1 - area / self._size**2
        cut = len(first)
        return (
            HalfBatch(first, partners[:cut], mixed[:cut], own[:cut]),
            HalfBatch(second, partners[cut:], mixed[cut:], own[cut:]),
        )
