"""Epochs of a student on real images, after those on its distilled set."""

from __future__ import annotations

import numpy as np
import torch

from fd2.artifacts.prepared import PreparedDataset
from fd2.augment.normalise import Normaliser
from fd2.config.protocols import FineTuningSettings
from fd2.config.settings import EvaluateSettings
from fd2.image_counts import half_batch_sizes, require_whole_images
from fd2.replay.plan import plan_augmentation
from fd2.replay.view import Replay
from fd2.runtime.seeds import numpy_generator
from fd2.training.optimisers import stretched_cosine


class FineTuning:
    """Each epoch sees as many fresh random real images of each class as the set has (FocusDD, C.2).

    They lie class by class, as those of the set do, so that its labels are theirs. Learning rate,
    batch size and epochs are its own; optimiser, schedule and augmentation as before. Labels are
    class labels: the text does not say that a teacher labels the fresh images of each epoch.

    Args:
        settings: of the student.
        tuning: what is different.
        dataset: the real images.
        normaliser: of the set.
        device: of the student.

    Raises:
        FD2Error: if a class has fewer training images than the set has of each, or all are too few
            for two halves of a batch.
    """

    def __init__(
        self,
        settings: EvaluateSettings,
        tuning: FineTuningSettings,
        dataset: PreparedDataset,
        normaliser: Normaliser,
        device: torch.device,
    ) -> None:
        self.epochs = tuning.epochs
        self._settings, self._tuning, self._device = settings, tuning, device
        self._dataset, self._normaliser = dataset, normaliser
        self._members = [each.numpy() for each in dataset.class_indices(dataset.train)]
        sizes = zip(dataset.manifest.classes, map(len, self._members), strict=True)
        require_whole_images(settings.dataset, dict(sizes), settings.ipc)
        halves = half_batch_sizes(settings.ipc * len(self._members), tuning.batch_size)
        self.batches = len(halves) // 2

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from the first of these."""
        tuning = self._tuning
        return stretched_cosine(tuning.learning_rate, epoch, tuning.epochs, self._settings.eta)

    def replay(self, epoch: int) -> Replay:
        """The images of an epoch and their augmentation, of which it is epoch 0."""
        settings = self._settings
        names = ("fine tuning", settings.seed, settings.dataset)
        rng = numpy_generator(*names, "images", epoch)
        chosen = [rng.choice(members, settings.ipc, replace=False) for members in self._members]
        ids = torch.from_numpy(np.concatenate(chosen))
        images = self._normaliser.normalise(self._dataset.train.batch(ids, self._device))
        plan = plan_augmentation(
            (*names, "augmentation", epoch),
            len(images),
            1,
            images.shape[-1],
            batch_size=self._tuning.batch_size,
            crop_scale=settings.crop_scale,
            cutmix_alpha=settings.cutmix_alpha,
        )
        return Replay(images, plan)
