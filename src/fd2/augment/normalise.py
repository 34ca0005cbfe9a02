"""Between uint8 pixels and normalised images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from fd2.errors import FD2Error

Rounding = Literal["nearest", "truncate"]


@dataclass(frozen=True)
class Normaliser:
    """Normalisation of images in ``[0, 1]`` by the mean and standard deviation of each channel.

    The images have K channels: 3, or 1 for one-channel data.
    """

    mean: Sequence[float]
    std: Sequence[float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", tuple(float(value) for value in self.mean))
        object.__setattr__(self, "std", tuple(float(value) for value in self.std))
        if len(self.mean) not in (1, 3) or len(self.std) != len(self.mean) or not min(self.std) > 0:
            raise FD2Error(
                f"mean {self.mean} and std {self.std} normalise neither RGB nor grey images",
                "augment.normalise.Normaliser",
                "give a mean and a positive standard deviation for each of three channels, or one",
            )

    def normalise(self, images: Tensor) -> Tensor:
        """Normalise ``[..., K, H, W]`` images: uint8, or floating in ``[0, 1]``.

        Returns:
            The same shape; float32 for uint8 images, else the dtype of ``images``.

        Raises:
            FD2Error: if the images are of another integer type.
        """
        images = self._shares(images)
        mean, std = self._statistics(images)
        return (images - mean) / std

    def denormalise(self, images: Tensor) -> Tensor:
        """Undo :meth:`normalise` for floating ``[..., K, H, W]`` images; does not clip."""
        mean, std = self._statistics(images)
        return images * std + mean

    def bounds(self) -> tuple[Tensor, Tensor]:
        """Normalised values of black and white, two ``[1, K, 1, 1]`` float32 tensors on the CPU."""
        mean, std = (
            torch.tensor(values, dtype=torch.float64).reshape(1, -1, 1, 1)
            for values in (self.mean, self.std)
        )
        return (-mean / std).float(), ((1 - mean) / std).float()

    def quantise(self, images: Tensor, rounding: Rounding = "nearest") -> Tensor:
        """Turn normalised images into uint8 pixels, clipped to ``0..255``.

        Args:
            images: ``[..., K, H, W]``, normalised, floating.
            rounding: ``nearest`` restores uint8 images exactly; ``truncate`` drops the fraction of
                ``255 * value``, as the release of FD² does, and darkens some pixels by one level.

        Returns:
            uint8, the same shape.

        Raises:
            FD2Error: if ``rounding`` is unknown.
        """
        if rounding not in ("nearest", "truncate"):
            raise FD2Error(
                f"rounding is {rounding!r}",
                "augment.normalise.Normaliser.quantise",
                "choose nearest or truncate",
            )
        levels = self.denormalise(images.detach().float()).clamp(0, 1) * 255
        return (levels.round() if rounding == "nearest" else levels.floor()).to(torch.uint8)

    @staticmethod
    def _shares(images: Tensor) -> Tensor:
        """Floating images in ``[0, 1]``."""
        if images.dtype == torch.uint8:
            return images.float() / 255
        if not images.is_floating_point():
            raise FD2Error(
                f"images are {images.dtype}",
                "augment.normalise.Normaliser.normalise",
                "give uint8 images, or floating ones in [0, 1]",
            )
        return images

    def _statistics(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return _channel_statistics(tuple(self.mean), tuple(self.std), images.device, images.dtype)


@lru_cache(maxsize=64)
def _channel_statistics(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Mean and std as ``[K, 1, 1]`` tensors, copied to each device once."""
    # Cached tensors made in inference mode could not be used in a later backward pass.
    with torch.inference_mode(False):
        return (
            torch.tensor(mean, dtype=dtype, device=device)[:, None, None],
            torch.tensor(std, dtype=dtype, device=device)[:, None, None],
        )
