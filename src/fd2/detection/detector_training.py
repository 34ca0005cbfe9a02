"""The training of one detector on images with boxes, by the losses that torchvision gives it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fd2.config.detection import DetectorSettings
from fd2.detection.annotated_images import AnnotatedImages
from fd2.detection.pictures import Pictures
from fd2.errors import FD2Error
from fd2.image_counts import even_sizes
from fd2.runtime.progress import Progress
from fd2.runtime.seeds import seed_from, torch_generator
from fd2.runtime.state import NO_STATE, LoopState, Snapshot
from fd2.training.finite import FiniteWatch
from fd2.training.mixed_precision import precision_on
from fd2.training.optimisers import set_learning_rate
from fd2.training.snapshots import (
    prefixed,
    restore_training,
    resumable,
    training_snapshot,
    without_prefix,
)

_NETWORK = "network"
_NOT_FINITE = "the detector's loss is not finite"


def learning_rate_at(settings: DetectorSettings, step: int, steps_per_epoch: int) -> float:
    """Learning rate of a step, from 0.

    In the warm-up it grows in a line, and the first step has a rate above 0; after it, it falls
    to zero along a half cosine or a line, or stays.
    """
    warm = settings.warm_up_epochs * steps_per_epoch
    if step < warm:
        return settings.learning_rate * (step + 1) / math.ceil(warm)
    share = (step - warm) / max(settings.epochs * steps_per_epoch - warm, 1)
    falling = {
        "cosine": 0.5 * (1 + math.cos(math.pi * share)),
        "linear": 1 - share,
        "constant": 1.0,
    }
    return settings.learning_rate * falling[settings.schedule]


def mirrored(picture: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """An image ``[K, H, W]`` and its boxes' corners ``[m, 4]``, left and right exchanged."""
    width = picture.shape[-1]
    left, top, right, bottom = boxes.unbind(1)
    return picture.flip(-1), torch.stack([width - right, top, width - left, bottom], 1)


@dataclass(frozen=True)
class _Batch:
    """Positions among the images that have a box, and which of them are mirrored."""

    rows: list[int]
    mirrored: list[bool]


class DetectorTraining:
    """One detector's training run.

    What an epoch draws depends on ``names`` and the epoch's number alone. torchvision's detectors
    draw the boxes that they learn from with the global generators, which a snapshot holds.

    Args:
        settings: of the detector.
        names: of the run, for its seeds.
        detector: with its first weights, on ``device``; trained in place.
        annotated: images, of which those without a box are left out.
        pictures: of the same images.
        device: where it is trained.

    Raises:
        FD2Error: if no image has a box.
    """

    def __init__(
        self,
        settings: DetectorSettings,
        names: Sequence[object],
        detector: nn.Module,
        annotated: AnnotatedImages,
        pictures: Pictures,
        device: torch.device,
    ) -> None:
        self.settings, self.detector = settings, detector
        self._names, self._pictures, self._device = tuple(names), pictures, device
        self._positions, self._boxes, self._labels = annotated.learned()
        if not self._positions:
            fix = "give images with a box that has an area and is no crowd"
            raise FD2Error("no box to learn from", self._where(), fix)
        self._sizes = even_sizes(len(self._positions), settings.batch_size)
        self._optimiser = torch.optim.SGD(
            [one for one in detector.parameters() if one.requires_grad],
            settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self._precision = precision_on(device, mixed=False)
        self._losses = torch.zeros(settings.epochs, device=device)

    @property
    def images(self) -> int:
        """Images with a box."""
        return len(self._positions)

    @property
    def boxes(self) -> int:
        """Boxes that are learned."""
        return sum(map(len, self._labels))

    def run(self, state: LoopState = NO_STATE) -> list[float]:
        """Train all epochs; a run that was stopped goes on to the same bits.

        Returns:
            The mean of torchvision's summed losses in each epoch.

        Raises:
            FD2Error: if the loss stops being finite.
            StoppedError: if a signal came; the snapshot is written.
        """
        steps = len(self._sizes)
        torch.manual_seed(seed_from(*self._names, "samples"))
        self.detector.train()
        resumed = state.restore()
        begin = 0 if resumed is None else self._restore(resumed)
        total = self.settings.epochs * steps
        progress = Progress(total, self._where(), start=begin)
        watch = FiniteWatch([], self._where(), "lower the detector's 'learning_rate'")
        nothing = torch.empty(0, 1, device=self._device), torch.empty(0, device=self._device).long()
        batches = zip(progress, self._batches(begin), strict=True)
        remaining = resumable(batches, watch, _NOT_FINITE, state, self._snapshot, start=begin)
        for number, (_, (images, targets)) in remaining:
            set_learning_rate(self._optimiser, learning_rate_at(self.settings, number, steps))
            losses: dict[str, Tensor] = self.detector(images, targets)
            loss = torch.stack(list(losses.values())).sum()
            self._optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self._optimiser.step()
            self._losses[number // steps] += loss.detach() / steps
            watch.note(number, {"loss": loss}, *nothing)
            progress.show({"loss": loss.detach()})
        return [float(loss) for loss in self._losses.tolist()]

    def _batches(self, begin: int) -> Iterator[tuple[list[Tensor], list[dict[str, Tensor]]]]:
        """Images and targets on the device of each step that remains."""
        drawn = self._drawn(begin)
        positions = ([self._positions[row] for row in batch.rows] for batch in self._drawn(begin))
        for batch, pictures in zip(drawn, self._pictures.batches(positions), strict=True):
            images, targets = [], []
            for row, flip, picture in zip(batch.rows, batch.mirrored, pictures, strict=True):
                boxes = self._boxes[row]
                if flip:
                    picture, boxes = mirrored(picture, boxes)
                images.append(picture.to(self._device, non_blocking=True) / 255)
                targets.append(
                    {
                        "boxes": boxes.to(self._device, non_blocking=True),
                        "labels": self._labels[row].to(self._device, non_blocking=True),
                    }
                )
            yield images, targets

    def _drawn(self, begin: int) -> Iterator[_Batch]:
        """The batches from a step on: in each epoch each image once."""
        first, skipped = divmod(begin, len(self._sizes))
        for epoch in range(first, self.settings.epochs):
            draws = torch_generator(*self._names, "epoch", epoch)
            order = torch.randperm(len(self._positions), generator=draws)
            flips = torch.rand(len(order), generator=draws) < 0.5
            flips &= self.settings.flip
            of_steps = zip(order.split(self._sizes), flips.split(self._sizes), strict=True)
            for number, (rows, flipped) in enumerate(of_steps):
                if epoch > first or number >= skipped:
                    yield _Batch(rows.tolist(), flipped.tolist())

    def _where(self) -> str:
        return "detector " + " ".join(str(name) for name in self._names)

    def _snapshot(self, done: int) -> Snapshot:
        network = prefixed(_NETWORK, self.detector.state_dict())
        tensors = {**network, "losses": self._losses}
        return training_snapshot(self._optimiser, self._precision, tensors, {"step": done})

    def _restore(self, snapshot: Snapshot) -> int:
        """Go on from a `_snapshot`; the number of the next step."""
        self.detector.load_state_dict(without_prefix(_NETWORK, snapshot.tensors))
        self._losses.copy_(snapshot.tensors["losses"])
        restore_training(snapshot, self._optimiser, self._precision)
        return int(snapshot.facts["step"])
