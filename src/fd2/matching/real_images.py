"""Random batches of real images of each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fd2.artifacts.image_batches import ImageBatches
from fd2.artifacts.prepared import PreparedDataset
from fd2.augment.whitening import normaliser_of
from fd2.errors import FD2Error


@dataclass(frozen=True)
class ClassBatch:
    """Real images of several classes, side by side.

    Attributes:
        images: ``[K, n, C, H, W]``, normalised.
        shares: ``[K, n]``, what each image counts in its class; the shares of a class sum to 1. A
            class with fewer than n images is filled up with images of share 0.
    """

    images: Tensor
    shares: Tensor


class RealImages:
    """The training images of a dataset, drawn from class by class.

    Attributes:
        normaliser: of the images.
    """

    def __init__(self, dataset: PreparedDataset, device: torch.device) -> None:
        self.normaliser = normaliser_of(dataset)
        self._images, self._device = ImageBatches(dataset.train, device), device
        self._classes = dataset.manifest.classes
        self._members = [each.numpy() for each in dataset.class_indices(dataset.train)]
        for name, members in zip(self._classes, self._members, strict=True):
            if not len(members):
                raise FD2Error(
                    f"class '{name}' has no training image",
                    f"dataset '{dataset.manifest.dataset}'",
                    "prepare data with images of each class",
                )

    def draw(self, rng: np.random.Generator, count: int) -> ClassBatch:
        """So many different images of each class, or all of a class that has fewer."""
        width = min(count, max(len(each) for each in self._members))
        positions = np.empty((len(self._members), width), np.int64)
        shares = np.zeros((len(self._members), width), np.float32)
        for row, members in enumerate(self._members):
            chosen = rng.choice(members, min(width, len(members)), replace=False)
            positions[row, : len(chosen)] = chosen
            # Any image would do where none counts.
            positions[row, len(chosen) :] = chosen[0]
            shares[row, : len(chosen)] = 1 / len(chosen)
        pixels = self._images.batch(torch.from_numpy(positions).flatten())
        images = pixels.unflatten(0, positions.shape)
        counted = torch.from_numpy(shares).to(self._device, non_blocking=True)
        return ClassBatch(self.normaliser.normalise(images), counted)

    def initial(self, rng: np.random.Generator, count: int) -> Tensor:
        """Different images of each class to start from, ``[C, count, channels, H, W]``.

        Raises:
            FD2Error: if a class has too few; names it.
        """
        for name, members in zip(self._classes, self._members, strict=True):
            if count > len(members):
                raise FD2Error(
                    f"{count} real images of each class to start from, class '{name}' has only "
                    f"{len(members)}",
                    "initial images of a matching method",
                    "ask for fewer images per class, or start from noise",
                )
        return self.draw(rng, count).images
