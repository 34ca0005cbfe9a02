"""Image sets: initial patches, distilled groups, and the distilled set that later stages read.

Images have K channels: 3 (RGB), or 1 (grey).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from fd2.artifacts.files import damaged
from fd2.artifacts.tensors import read_tensors, write_tensors

_STORED = (torch.uint8, torch.float32)
_CHOSEN = "chosen."
#: Quantiles of an image's pixels that become black and white, and the least range between them.
_STRETCHED, _FLAT = (0.01, 0.99), 1e-6


@dataclass(frozen=True)
class SlotImages:
    """Images by slot and class: patches, or one group.

    Attributes:
        images: uint8 ``[S, C, K, H, W]``.
        slots: the slot numbers of the first axis.
        metadata: what shaped them; holds ``manifest``, and of a group ``moved``: how far each of
            its slots is from its start, see `moved`.
        chosen: of patches, what each cell is made of, ``[S, cells, C, ...]``: ``images``, positions
            in the training split, int64; ``boxes``, top, left, height and width of the crop as
            fractions of the image, float32 ``[..., 4]``; and its ``losses``, float32.
    """

    images: Tensor
    slots: tuple[int, ...]
    metadata: dict[str, Any]
    chosen: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class DistilledSet:
    """What a student trains on, whatever the method.

    Attributes:
        images: ``[C * n, K, H, W]``, class-major: image ``c * n + k`` is slot k of class c. This
            row number is the image's id. uint8; or float32 of a matching method, where 0 is black
            and 1 white, and pixels may lie beyond.
        labels: int64 ``[C * n]``.
        images_per_class: n.
        metadata: what shaped it; holds ``manifest``, ``mean`` and ``std``, and where images were
            optimised how far they ``moved``.
        learned_labels: logits float32 ``[C * n, C]`` of a method that learns soft labels.
        learned_rate: of students, above 0, from a method that learns it.
    """

    images: Tensor
    labels: Tensor
    images_per_class: int
    metadata: dict[str, Any]
    learned_labels: Tensor | None = None
    learned_rate: float | None = None

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


def moved(images: Tensor, start: Tensor) -> float:
    """How far images are from those that they were optimised from, on average.

    Args:
        images: uint8, or float32 in shares of white.
        start: of the same shape and type.

    Returns:
        The mean absolute difference of their pixels, in grey levels of 255.
    """
    levels = 1.0 if images.dtype == torch.uint8 else 255.0
    return float((images.double() - start.double()).abs().mean()) * levels


def write_slots(
    path: str | Path,
    images: Tensor,
    slots: tuple[int, ...],
    metadata: Mapping[str, Any],
    chosen: Mapping[str, Tensor] = MappingProxyType({}),
) -> None:
    """Write uint8 images ``[S, C, K, H, W]`` of the given slots, as `SlotImages` describes them."""
    _check(images, (torch.uint8,))
    told = {f"{_CHOSEN}{key}": value for key, value in chosen.items()}
    write_tensors(path, {"images": images, **told}, {**metadata, "slots": list(slots)})


def read_slots(path: str | Path) -> SlotImages:
    """Read a file of `write_slots`.

    Raises:
        FD2Error: if it is missing or damaged.
    """
    tensors, metadata = read_tensors(path)
    if "images" not in tensors:
        raise damaged(path, f"it holds {sorted(tensors)}, not images")
    images, slots = tensors["images"], tuple(metadata.get("slots", ()))
    if images.ndim != 5 or images.shape[0] != len(slots):
        raise damaged(path, f"shape {tuple(images.shape)} for {len(slots)} slots")
    told = {k.removeprefix(_CHOSEN): v for k, v in tensors.items() if k.startswith(_CHOSEN)}
    return SlotImages(images, slots, metadata, told)


def write_distilled(
    path: str | Path,
    slots_images: Tensor,
    metadata: Mapping[str, Any],
    *,
    learned_labels: Tensor | None = None,
    learned_rate: float | None = None,
) -> None:
    """Write a distilled set from uint8 or float32 ``[n, C, K, H, W]`` in slot order.

    Args:
        path: of the file.
        slots_images: the images.
        metadata: what shaped them.
        learned_labels: logits float32 ``[n, C, C]`` of the images, in the same order.
        learned_rate: of students.

    Raises:
        FD2Error: if a value is not finite, or the rate not above 0.
    """
    _check(slots_images, _STORED)
    count, classes = slots_images.shape[:2]
    tensors = {
        "images": slots_images.transpose(0, 1).flatten(0, 1),
        "labels": torch.arange(classes).repeat_interleave(count),
    }
    if learned_labels is not None:
        tensors["learned_labels"] = learned_labels.transpose(0, 1).flatten(0, 1)
        if fault := _label_fault(tensors["learned_labels"], (classes * count, classes)):
            raise ValueError(fault)
    if learned_rate is not None:
        tensors["learned_rate"] = torch.tensor(learned_rate, dtype=torch.float64)
    write_tensors(path, tensors, {**metadata, "images_per_class": count})


def read_distilled(path: str | Path) -> DistilledSet:
    """Read a distilled set.

    Raises:
        FD2Error: if it is missing or damaged.
    """
    tensors, metadata = read_tensors(path)
    if not tensors.keys() >= {"images", "labels"}:
        raise damaged(path, f"it holds {sorted(tensors)}, not images and labels")
    images, labels, count = tensors["images"], tensors["labels"], metadata["images_per_class"]
    if images.ndim != 4 or len(images) != len(labels) or images.dtype not in _STORED:
        raise damaged(path, f"images {tuple(images.shape)} {images.dtype}, {len(labels)} labels")
    learned, rate = tensors.get("learned_labels"), tensors.get("learned_rate")
    if learned is not None and (
        fault := _label_fault(learned, (len(labels), len(labels) // count))
    ):
        raise damaged(path, fault)
    if rate is not None and rate.shape:
        raise damaged(path, f"a learned rate of shape {tuple(rate.shape)}")
    return DistilledSet(
        images, labels, count, metadata, learned, None if rate is None else float(rate)
    )


def _label_fault(logits: Tensor, wanted: tuple[int, int]) -> str | None:
    if logits.dtype == torch.float32 and logits.shape == wanted:
        return None
    return f"learned labels {tuple(logits.shape)} {logits.dtype}, not {wanted} torch.float32"


def _check(images: Tensor, types: tuple[torch.dtype, ...]) -> None:
    if images.dtype not in types or images.ndim != 5:
        allowed = " or ".join(str(kind).removeprefix("torch.") for kind in types)
        raise ValueError(
            f"{allowed} images with 5 axes expected, got {images.dtype} {images.shape}"
        )
