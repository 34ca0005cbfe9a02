"""The training of one expert, and its parameters before it and after each epoch.

Source: Cazenavette et al., *Dataset Distillation by Matching Training Trajectories* (MTT), CVPR
2022, section 3.1, and its code, https://github.com/GeorgeCazenavette/mtt-distillation, buffer.py.
There the last batch holds what is left over; here all have nearly equal sizes, as everywhere in
fd2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fd2.artifacts.image_batches import ImageBatches
from fd2.artifacts.prepared import PreparedDataset
from fd2.augment.differentiable import Augmentations, draw_augmentations
from fd2.augment.whitening import normaliser_of
from fd2.config import plugins
from fd2.config.experts import STAGE, ExpertSettings
from fd2.config.networks import NetworkInput
from fd2.image_counts import even_sizes
from fd2.networks.backbone import Backbone
from fd2.networks.formats import on_device
from fd2.runtime.job import Job
from fd2.runtime.progress import Progress
from fd2.runtime.seeds import seed_from, torch_generator
from fd2.runtime.state import NO_STATE, LoopState, Snapshot
from fd2.training.accuracy import accuracies, predicted_classes
from fd2.training.finite import FiniteWatch
from fd2.training.mixed_precision import precision_on
from fd2.training.snapshots import restore_training, resumable, training_snapshot
from fd2.trajectories.flat_network import FlatNetwork
from fd2.trajectories.gsam import gsam_gradient

_TEST_BATCH = 512
_NOT_FINITE = "the training loss is not finite"


@dataclass(frozen=True)
class _Batch:
    """Positions of training images ``[b]``, and how they are augmented; None for not at all."""

    rows: Tensor
    record: Augmentations | None


class ExpertTraining:
    """One expert's training run.

    Its initial weights, and what an epoch draws, depend on the seed, the dataset's name, the
    backbone, the expert's number and the epoch's alone: experts of two optimisers start alike and
    see the same images.

    Raises:
        FD2Error: if the network has buffers, such as those of batch norm.

    Attributes:
        input: what the network is built for.
        network: as a function of its parameters.
        weights: the parameters before training and after each epoch so far, ``[epochs + 1, P]``.
    """

    def __init__(self, settings: ExpertSettings, dataset: PreparedDataset, job: Job) -> None:
        self.settings = settings
        self.device = job.device
        self._names = (
            *(STAGE, settings.seed, settings.dataset, settings.backbone),
            settings.number,
        )
        manifest = dataset.manifest
        self.input = NetworkInput(manifest.channels, manifest.resolution)
        # Refused before any image is read.
        self._module: Backbone = on_device(
            plugins.load("backbones", settings.backbone).build(
                dataset.num_classes,
                "scratch",
                seed=seed_from(*self._names, "weights"),
                images=self.input,
            ),
            job.device,
            # These networks have instance norm, which is slow in the other order.
            "contiguous",
        )
        self.network = FlatNetwork(self._module)
        self._normaliser = normaliser_of(dataset)
        self._dataset = dataset
        self._images = ImageBatches(dataset.train, job.device)
        self._labels = dataset.train.labels.to(job.device)
        self._sizes = even_sizes(len(self._labels), settings.batch_size)
        self._vector = self.network.vector().requires_grad_()
        self._optimiser = torch.optim.SGD(
            [self._vector],
            settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self._precision = precision_on(job.device, mixed=False)
        epochs = settings.epochs
        self.weights = torch.zeros(epochs + 1, self.network.size, device=job.device)
        self.weights[0] = self._vector.detach()
        self._losses = torch.zeros(epochs, device=job.device)

    def run(self, state: LoopState = NO_STATE) -> dict[str, Any]:
        """Train all epochs, then test once; a run that was stopped goes on to the same bits.

        Returns:
            ``loss``, the mean of each epoch, and in percent ``top1`` and ``balanced_top1`` after
            the last one, of all ``train`` images, as they are, and of all ``test`` images.

        Raises:
            FD2Error: if the loss stops being finite.
            StoppedError: if a signal came; the snapshot is written.
        """
        settings, batches = self.settings, len(self._sizes)
        # Dropout, where a network has it, draws from the global generators, which a snapshot sets
        # again.
        torch.manual_seed(seed_from(*self._names, "dropout"))
        self._module.train()
        resumed = state.restore()
        begin = 0 if resumed is None else self._restore(resumed)
        what = f"expert {settings.number}"
        progress = Progress(settings.epochs * batches, what, start=begin)
        classes = self._dataset.manifest.classes
        watch = FiniteWatch(classes, self._where(), f"lower '{STAGE}.learning_rate'")
        remaining = resumable(progress, watch, _NOT_FINITE, state, self._snapshot, start=begin)
        drawn: list[_Batch] = []
        for number, _ in remaining:
            epoch, position = divmod(number, batches)
            if position == 0 or not drawn:
                drawn = self._draw(epoch)
            rows = drawn[position].rows
            labels = self._labels[rows.to(self.device, non_blocking=True)]
            loss, logits = self._step(self._images.batch(rows), labels, drawn[position].record)
            self._losses[epoch] += loss / batches
            if position == batches - 1:
                self.weights[epoch + 1] = self._vector.detach()
            watch.note(number, {"loss": loss}, logits, labels)
            progress.show({"loss": loss})
        return {
            "loss": self._losses.tolist(),
            "train": self._accuracies(self._images, self._dataset.train.labels),
            "test": self._accuracies(
                ImageBatches(self._dataset.test, self.device), self._dataset.test.labels
            ),
        }

    def _draw(self, epoch: int) -> list[_Batch]:
        """The batches of an epoch: each training image once."""
        draws = torch_generator(*self._names, "epoch", epoch)
        operations = self.settings.augmentation
        order = torch.randperm(len(self._labels), generator=draws)
        return [
            _Batch(
                rows,
                draw_augmentations(draws, operations, len(rows), shared=True)
                if operations
                else None,
            )
            for rows in order.split(self._sizes)
        ]

    def _step(
        self, pixels: Tensor, labels: Tensor, record: Augmentations | None
    ) -> tuple[Tensor, Tensor]:
        """One step on a batch; its loss and logits before the step."""
        images = self._normaliser.normalise(pixels)
        seen = images if record is None else record.apply(images)
        loss, logits, gradient = self._gradient(self._vector, seen, labels)
        if self.settings.gsam is not None:
            gradient = gsam_gradient(
                self._vector.detach(),
                gradient,
                lambda there: self._gradient(there.requires_grad_(), seen, labels)[2],
                self.settings.gsam,
            )
        self._vector.grad = gradient
        self._optimiser.step()
        return loss, logits

    def _gradient(
        self, vector: Tensor, seen: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, logits ``[b, C]`` and gradient ``[P]`` of a batch at some parameters."""
        logits = self.network.logits(vector, seen)
        loss = cross_entropy(logits, labels)
        (gradient,) = torch.autograd.grad(loss, vector)
        return loss.detach(), logits.detach(), gradient

    @torch.no_grad()
    def _accuracies(self, images: ImageBatches, labels: Tensor) -> dict[str, float]:
        """Of the parameters as they are now, on N images with labels ``[N]``."""
        self._module.eval()
        logits = (
            self.network.logits(self._vector, self._normaliser.normalise(chunk))
            for chunk in images.in_order(_TEST_BATCH)
        )
        return accuracies(predicted_classes(logits, self._where()), labels)

    def _where(self) -> str:
        return f"expert {self.settings.number}, {self.settings.backbone}"

    def _snapshot(self, done: int) -> Snapshot:
        """Parameters, momentum and the trajectory after so many steps."""
        tensors = {
            "vector": self._vector.detach(),
            "weights": self.weights[: done // len(self._sizes) + 1],
            "losses": self._losses,
        }
        return training_snapshot(self._optimiser, self._precision, tensors, {"step": done})

    def _restore(self, snapshot: Snapshot) -> int:
        """Go on from a `_snapshot`; the number of the next step."""
        before = snapshot.tensors["weights"]
        with torch.no_grad():
            self._vector.copy_(snapshot.tensors["vector"])
            self.weights[: len(before)] = before.to(self.device)
            self._losses.copy_(snapshot.tensors["losses"])
        restore_training(snapshot, self._optimiser, self._precision)
        return int(snapshot.facts["step"])
