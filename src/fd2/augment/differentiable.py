"""Differentiable Siamese augmentation (DSA): drawn once as a record, applied to any images.

Source: Zhao and Bilen, *Dataset Condensation with Differentiable Siamese Augmentation*, ICML 2021,
and its code, https://github.com/VICO-UoE/DatasetCondensation, utils.py, with its parameters. Images
are normalised, so that what is filled with 0 has the mean colour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fd2.augment.geometry import apply_matrices
from fd2.augment.rotation import differentiable_rotation
from fd2.errors import FD2Error, suggest

_BRIGHTNESS, _SATURATION, _CONTRAST = 1.0, 2.0, 0.5
_CROP, _CUTOUT = 0.125, 0.5
_SCALE, _DEGREES = 1.2, 15.0
_DRAWS = 3


@dataclass(frozen=True)
class Augmentations:
    """One drawn operation for each of several rows; a row is an image, or all images of a class.

    Attributes:
        operations: ``[R]`` int64 on the CPU, positions in `OPERATIONS`.
        parameters: ``[R, 3]`` float32 on the CPU, uniform in [0, 1); each operation makes its own
            of them, so that a record fits images of any size.
    """

    operations: Tensor
    parameters: Tensor

    def __len__(self) -> int:
        return len(self.operations)

    def __getitem__(self, rows: Tensor | slice) -> Augmentations:
        """The record of some rows, each perhaps several times: ``record[classes]``, an image each.

        Two batches that are seen through rows of one record are augmented alike (Siamese).
        """
        return Augmentations(self.operations[rows], self.parameters[rows])

    def apply(self, images: Tensor) -> Tensor:
        """Augment normalised images ``[R, C, H, W]``, floating, by a row each.

        Differentiable with respect to the images. Images of one operation are augmented together,
        without waiting for the device.

        Raises:
            FD2Error: if there is not one row for each image.
        """
        if images.ndim != 4 or len(images) != len(self):
            raise FD2Error(
                f"{len(self)} rows of a record do not fit images {tuple(images.shape)}",
                "augment.differentiable.Augmentations.apply",
                "give images [R, C, H, W] and a row for each",
            )
        wide = torch.promote_types(images.dtype, torch.float32)
        parameters = self.parameters.to(images.device, wide)
        met = self.operations.unique().tolist()
        if len(met) == 1:
            return _OPERATIONS[OPERATIONS[met[0]]](images, parameters)
        rows = [(self.operations == number).nonzero().flatten() for number in met]
        order = torch.cat(rows)
        pieces = [
            _OPERATIONS[OPERATIONS[number]](images[mine], parameters[mine])
            for number, mine in zip(met, (each.to(images.device) for each in rows), strict=True)
        ]
        return torch.cat(pieces)[order.argsort().to(images.device)]


def draw_augmentations(
    generator: torch.Generator, operations: Sequence[str], rows: int, *, shared: bool = False
) -> Augmentations:
    """Draw an operation for each row, uniformly, and its parameters.

    Args:
        generator: on the CPU.
        operations: of `OPERATIONS`, at least one, each at most once.
        rows: R.
        shared: whether all rows have one operation, with parameters of their own: how DSA augments
            a batch that networks are trained on.

    Raises:
        FD2Error: for an operation that is not known.
    """
    for name in operations:
        if name not in OPERATIONS:
            where = "augment.differentiable.draw_augmentations"
            raise FD2Error(f"unknown operation '{name}'", where, suggest(name, OPERATIONS))
    allowed = torch.tensor([OPERATIONS.index(name) for name in operations])
    chosen = torch.randint(len(allowed), (1 if shared else rows,), generator=generator)
    parameters = torch.rand(rows, _DRAWS, generator=generator)
    return Augmentations(allowed[chosen].expand(rows), parameters)


def _color(images: Tensor, uniform: Tensor) -> Tensor:
    """Brightness, then saturation about the channels' mean, then contrast about the image's."""
    brightness, saturation, contrast = uniform[:, :, None, None, None].unbind(1)
    images = images + (brightness - 0.5) * _BRIGHTNESS
    grey = images.mean(1, keepdim=True)
    images = (images - grey) * (saturation * _SATURATION) + grey
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * (contrast + _CONTRAST) + mean


def _crop(images: Tensor, uniform: Tensor) -> Tensor:
    """A shift by whole pixels, up to an eighth of each side; what comes in is 0."""

    def matrix(values: Tensor, size: int) -> Tensor:
        most = int(size * _CROP + 0.5)
        shift = _integer(values, 2 * most + 1) - most
        pixels = torch.arange(size, device=images.device)
        return (pixels[:, None] + shift[:, None, None] == pixels).to(images.dtype)

    height, width = images.shape[-2:]
    return apply_matrices(images, matrix(uniform[:, 0], height), matrix(uniform[:, 1], width))


def _cutout(images: Tensor, uniform: Tensor) -> Tensor:
    """A box of half the sides at a random centre, which may reach over the border, becomes 0."""

    def inside(values: Tensor, size: int) -> Tensor:
        length = int(size * _CUTOUT + 0.5)
        start = _integer(values, size + 1 - length % 2)[:, None] - length // 2
        pixels = torch.arange(size, device=images.device)
        return (pixels >= start) & (pixels < start + length)

    height, width = images.shape[-2:]
    rows, columns = inside(uniform[:, 0], height), inside(uniform[:, 1], width)
    return images * ~(rows[:, None, :, None] & columns[:, None, None, :])


def _flip(images: Tensor, uniform: Tensor) -> Tensor:
    """Left and right change places, with a chance of one half."""
    return torch.where((uniform[:, 0] < 0.5)[:, None, None, None], images.flip(3), images)


def _scale(images: Tensor, uniform: Tensor) -> Tensor:
    """Both axes stretched about the centre, each by its own factor between 1/1.2 and 1.2.

    Bilinear, 0 beyond the border.
    """

    def matrix(values: Tensor, size: int) -> Tensor:
        factor = (values * (_SCALE - 1 / _SCALE) + 1 / _SCALE)[:, None]
        pixels = torch.arange(size, device=images.device, dtype=images.dtype)
        middle = (size - 1) / 2
        source = middle + factor * (pixels - middle)
        return (1 - (source[:, :, None] - pixels).abs()).clamp(min=0)

    height, width = images.shape[-2:]
    return apply_matrices(images, matrix(uniform[:, 1], height), matrix(uniform[:, 0], width))


def _rotate(images: Tensor, uniform: Tensor) -> Tensor:
    """About the centre, up to 15 degrees either way; bilinear, 0 beyond the border."""
    return differentiable_rotation(images, (uniform[:, 0] - 0.5) * (2 * _DEGREES))


def _integer(uniform: Tensor, count: int) -> Tensor:
    """Whole numbers below ``count`` from numbers in [0, 1)."""
    return (uniform * count).long().clamp(max=count - 1)


_OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "color": _color,
    "crop": _crop,
    "cutout": _cutout,
    "flip": _flip,
    "scale": _scale,
    "rotate": _rotate,
}
#: Names of the operations, in the order of the paper's code.
OPERATIONS = tuple(_OPERATIONS)
