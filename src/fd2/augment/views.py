"""Spatial views: one crop, flip and roll per image, independent of resolution."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fd2.augment.geometry import apply_matrices, interpolation_matrix
from fd2.errors import FD2Error

_SNAP = 1e-3


@dataclass(frozen=True)
class Views:
    """A batch of spatial views: crop-resize, then flip, then roll.

    All lengths are fractions of the image, so the same views apply to an image and to its attention
    map: earlier attention maps can be seen through the crop of the current images.

    Attributes:
        boxes: ``[N, 4]`` float32, (top, left, height, width) as fractions of height and width.
        flips: ``[N]`` bool, horizontal flip.
        rolls: ``[N, 2]`` float32, circular shift (down, right) as fractions of the output.
    """

    boxes: Tensor
    flips: Tensor
    rolls: Tensor

    def __post_init__(self) -> None:
        count = self.boxes.shape[0] if self.boxes.ndim else 0
        if (
            self.boxes.shape != (count, 4)
            or self.flips.shape != (count,)
            or self.rolls.shape != (count, 2)
        ):
            raise FD2Error(
                f"boxes {tuple(self.boxes.shape)}, flips {tuple(self.flips.shape)} and rolls "
                f"{tuple(self.rolls.shape)} do not describe the same views",
                "augment.views.Views",
                "give boxes [N, 4], flips [N] and rolls [N, 2]",
            )

    def __len__(self) -> int:
        return self.boxes.shape[0]

    def __getitem__(self, index: slice | Tensor) -> Views:
        """Select views by a slice, an index tensor or a bool mask."""
        return Views(self.boxes[index], self.flips[index], self.rolls[index])

    def to(self, device: torch.device | str) -> Views:
        """Move the views to a device."""
        return Views(self.boxes.to(device), self.flips.to(device), self.rolls.to(device))

    def apply(self, images: Tensor, size: int, *, antialias: bool = False) -> Tensor:
        """See images, or maps, through these views.

        Args:
            images: ``[N, C, H, W]``, floating. A single view applies to all of them.
            size: height and width of the result in pixels.
            antialias: average where a crop shrinks; see `interpolation_matrix`.

        Returns:
            ``[N, C, size, size]``, differentiable with respect to ``images``, on their device.

        Raises:
            FD2Error: if the number of views is neither 1 nor N.
        """
        if images.ndim != 4 or len(self) not in (1, images.shape[0]):
            raise FD2Error(
                f"{len(self)} views cannot be applied to images of shape {tuple(images.shape)}",
                "augment.views.Views.apply",
                "give images [N, C, H, W] and either one view or N views",
            )
        views = self.to(images.device)
        height, width = images.shape[-2:]
        dtype = torch.float64 if images.dtype == torch.float64 else torch.float32
        top, left, tall, wide = views.boxes.unbind(1)
        down, right = views.rolls.unbind(1)
        rows = interpolation_matrix(
            _to_pixels(top, height, dtype),
            _to_pixels(tall, height, dtype),
            height,
            size,
            roll=_to_pixels(down, size, dtype),
            antialias=antialias,
        )
        columns = interpolation_matrix(
            _to_pixels(left, width, dtype),
            _to_pixels(wide, width, dtype),
            width,
            size,
            flip=views.flips,
            roll=_to_pixels(right, size, dtype),
            antialias=antialias,
        )
        return apply_matrices(images, rows, columns)


def identity(count: int) -> Views:
    """Views on the CPU that change nothing but, perhaps, the size."""
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).repeat(count, 1)
    return Views(boxes, torch.zeros(count, dtype=torch.bool), torch.zeros(count, 2))


def crops_only(boxes: Tensor) -> Views:
    """Views by boxes ``[N, 4]`` on their device, which neither flip nor roll; see `Views`."""
    count, device = len(boxes), boxes.device
    flips = torch.zeros(count, dtype=torch.bool, device=device)
    return Views(boxes.float(), flips, torch.zeros(count, 2, device=device))


def _to_pixels(fractions: Tensor, size: int, dtype: torch.dtype) -> Tensor:
    """Fractions of an axis as pixels; whole pixels survive their storage as float32 fractions."""
    pixels = fractions.double() * size
    nearest = pixels.round()
    return torch.where((pixels - nearest).abs() < _SNAP, nearest, pixels).to(dtype)
