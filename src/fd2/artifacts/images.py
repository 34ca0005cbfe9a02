"""Image sets: initial patches, distilled groups, and the distilled set that later stages read.

Images have K channels: 3 (RGB), or 1 (grey).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fd2.artifacts.files import damaged
from fd2.artifacts.tensors import read_tensors, write_tensors

_STORED = (torch.uint8, torch.float32)
#: Quantiles of an image's pixels that become black and white, and the least range between them.
_STRETCHED, _FLAT = (0.01, 0.99), 1e-6


@dataclass(frozen=True)
class SlotImages:
    """Images by slot and class: patches, or one group.

    Attributes:
        images: uint8 ``[S, C, K, H, W]``.
        slots: the slot numbers of the first axis.
        metadata: what shaped them; holds ``manifest``.
    """

    images: Tensor
    slots: tuple[int, ...]
    metadata: dict[str, Any]


@dataclass(frozen=True)
class DistilledSet:
    """What a student trains on, whatever the method.

    Attributes:
        images: ``[C * n, K, H, W]``, class-major: image ``c * n + k`` is slot k of class c. This
            row number is the image's id. uint8; or float32 of a matching method, where 0 is black
            and 1 white, and pixels may lie beyond.
        labels: int64 ``[C * n]``.
        images_per_class: n.
        metadata: what shaped it; holds ``manifest``, ``mean`` and ``std``.
    """

    images: Tensor
    labels: Tensor
    images_per_class: int
    metadata: dict[str, Any]

    def pictures(self, *, stretched: bool = False) -> Tensor:
        """The images as uint8: floating ones clipped and rounded, as a viewer shows them.

        Args:
            stretched: whether each floating image is first stretched over the range of its own
                pixels, without the hundredth at either end, so that what lies beyond black and
                white is seen.
        """
        if self.images.dtype == torch.uint8:
            return self.images
        shares = self.images
        if stretched:
            ends = shares.new_tensor(_STRETCHED)
            low, high = shares.flatten(1).quantile(ends, dim=1)[..., None, None, None]
            shares = (shares - low) / (high - low).clamp(min=_FLAT)
        return (shares.clamp(0, 1) * 255).round().to(torch.uint8)


def write_slots(
    path: str | Path, images: Tensor, slots: tuple[int, ...], metadata: Mapping[str, Any]
) -> None:
    """Write uint8 images ``[S, C, K, H, W]`` of the given slots."""
    _check(images, (torch.uint8,))
    write_tensors(path, {"images": images}, {**metadata, "slots": list(slots)})


def read_slots(path: str | Path) -> SlotImages:
    """Read a file of `write_slots`.

    Raises:
        FD2Error: if it is missing or damaged.
    """
    tensors, metadata = read_tensors(path, ("images",))
    images, slots = tensors["images"], tuple(metadata.get("slots", ()))
    if images.ndim != 5 or images.shape[0] != len(slots):
        raise damaged(path, f"shape {tuple(images.shape)} for {len(slots)} slots")
    return SlotImages(images, slots, metadata)


def write_distilled(path: str | Path, slots_images: Tensor, metadata: Mapping[str, Any]) -> None:
    """Write a distilled set from uint8 or float32 ``[n, C, K, H, W]`` in slot order."""
    _check(slots_images, _STORED)
    count, classes = slots_images.shape[:2]
    images = slots_images.transpose(0, 1).reshape(classes * count, *slots_images.shape[2:])
    labels = torch.arange(classes).repeat_interleave(count)
    write_tensors(
        path, {"images": images, "labels": labels}, {**metadata, "images_per_class": count}
    )


def read_distilled(path: str | Path) -> DistilledSet:
    """Read a distilled set.

    Raises:
        FD2Error: if it is missing or damaged.
    """
    tensors, metadata = read_tensors(path, ("images", "labels"))
    images, labels = tensors["images"], tensors["labels"]
    if images.ndim != 4 or len(images) != len(labels) or images.dtype not in _STORED:
        raise damaged(path, f"images {tuple(images.shape)} {images.dtype}, {len(labels)} labels")
    return DistilledSet(images, labels, metadata["images_per_class"], metadata)


def _check(images: Tensor, types: tuple[torch.dtype, ...]) -> None:
    if images.dtype not in types or images.ndim != 5:
        allowed = " or ".join(str(kind).removeprefix("torch.") for kind in types)
        raise ValueError(
            f"{allowed} images with 5 axes expected, got {images.dtype} {images.shape}"
        )
