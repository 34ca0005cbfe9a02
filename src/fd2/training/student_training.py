"""Training of students on a distilled set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from fd2.artifacts.image_batches import ImageBatches
from fd2.artifacts.images import DistilledSet
from fd2.artifacts.prepared import PreparedDataset
from fd2.artifacts.soft_labels import SoftLabels, StoredAugmentation, epoch_logits
from fd2.augment.whitening import normaliser_of
from fd2.config.networks import NetworkInput
from fd2.config.settings import LEARNED, EvaluateSettings
from fd2.epochs import is_tested
from fd2.networks.compilation import compiled
from fd2.networks.formats import at_least_float32, on_device
from fd2.networks.initial_weights import build_backbone
from fd2.replay.plan import plan_augmentation
from fd2.replay.view import HalfBatch, Replay
from fd2.runtime.progress import Progress
from fd2.runtime.seeds import seed_from
from fd2.runtime.state import NO_STATE, LoopState, Snapshot
from fd2.training.accuracy import (
    accuracies,
    correct_images,
    mistaken_images,
    predicted_classes,
)
from fd2.training.fine_tuning import FineTuning
from fd2.training.finite import FiniteWatch
from fd2.training.mixed_precision import precision_on
from fd2.training.optimisers import (
    clear_gradients,
    set_learning_rate,
    stretched_cosine,
    student_optimiser,
)
from fd2.training.snapshots import (
    prefixed,
    restore_training,
    resumable,
    training_snapshot,
    without_prefix,
)

_TEST_BATCH = 256
_NOT_FINITE = "the student's loss is not finite"
#: A forward pass: the loss's name, the loss, logits ``[B, C]``, and the images' own labels ``[B]``.
Pass = tuple[str, Tensor, Tensor, Tensor]


class StudentData:
    """What students of several seeds share, on the device; ``soft`` are stored labels."""

    def __init__(
        self,
        dataset: PreparedDataset,
        images: DistilledSet,
        soft: SoftLabels | None,
        device: torch.device,
    ) -> None:
        self.classes = dataset.manifest.classes
        self.dataset = dataset
        self.soft = soft
        self.normaliser = normaliser_of(dataset)
        self.images = self.normaliser.normalise(images.images.to(device))
        self.labels = images.labels.to(device)
        learned = images.learned_labels
        self.learned_labels = None if learned is None else learned.to(device)
        self.learned_rate = images.learned_rate
        self.replay = None if soft is None else Replay(self.images, soft.augmentation)
        self.test_images = ImageBatches(dataset.test, device)
        self.test_labels = dataset.test.labels


class StudentTraining:
    """One student's training run, protocol ``decoupled``: stored or freshly drawn augmentation.

    Source: the released code of FD² and of the decoupled methods before it.

    Raises:
        FD2Error: if the student cannot be compiled here.
    """

    def __init__(self, settings: EvaluateSettings, data: StudentData, device: torch.device) -> None:
        self.settings = settings
        self.data = data
        self.device = device
        self._names = ("student", settings.seed, settings.dataset, settings.student)
        student = build_backbone(
            settings.student,
            len(data.classes),
            settings.initialisation,
            settings.weights_file,
            seed=seed_from(*self._names),
            images=NetworkInput(
                data.images.shape[1], data.images.shape[2], settings.stem, settings.transformer
            ),
        )
        self.student = on_device(student, device, settings.memory_format)
        self._features = compiled(
            self.student.features, settings.compile, device, "evaluate.compile"
        )
        self.precision = precision_on(device, settings.mixed_precision)
        given = data.learned_rate if settings.learning_rate == LEARNED else settings.learning_rate
        assert isinstance(given, float)
        self.learning_rate = given
        tuning = settings.fine_tuning
        self._tuning = (
            FineTuning(settings, tuning, data.dataset, data.normaliser, device) if tuning else None
        )
        self._prepare()

    def _prepare(self) -> None:
        """Decide, once, what the batches of all epochs are."""
        self.replay = self.data.replay or Replay(self.data.images, self._own_plan())
        self.batches = self.replay.batches

    def _own_plan(self) -> StoredAugmentation:
        settings, images = self.settings, self.data.images
        return plan_augmentation(
            ("hard labels", settings.seed),
            len(images),
            settings.epochs,
            images.shape[-1],
            batch_size=settings.batch_size,
            crop_scale=settings.crop_scale,
            cutmix_alpha=settings.cutmix_alpha,
        )

    def run(self, state: LoopState = NO_STATE) -> dict[str, Any]:
        """Train all epochs and test now and then; go on from a snapshot to the same bits.

        Epochs of fine-tuning are counted on from those on the set, whose last is tested.

        Returns:
            ``last`` (what tables show), ``best_chosen_on_test`` and ``curve``, in percent; of the
            last epoch ``correct``, the test images that are right, and ``mistaken_for``, what the
            others are taken for; see `correct_images` and `mistaken_images`.
        """
        settings = self.settings
        optimiser = self._optimiser()
        curve: list[dict[str, Any]] = []
        # Dropout draws from the global generators, which a snapshot sets again.
        torch.manual_seed(seed_from(*self._names, "dropout"))
        resumed = state.restore()
        start = 0
        if resumed is not None:
            self.student.load_state_dict(without_prefix("network", resumed.tensors))
            restore_training(resumed, optimiser, self.precision)
            start, curve = int(resumed.facts["epoch"]), resumed.facts["curve"]
        tuned = self._tuning.epochs if self._tuning else 0
        progress = Progress(settings.epochs + tuned, "student", unit="epoch", start=start)
        for epoch in progress:
            self._begin(epoch, optimiser, resumed)
            loss = self._epoch(epoch, optimiser, curve, state, resumed)
            resumed = None
            progress.show({"loss": loss})
            if self._is_tested(epoch):
                predictions = self.predictions(epoch)
                scores = accuracies(predictions, self.data.test_labels)
                curve.append({"epoch": epoch, "loss": float(loss), **scores})
        figures = [{k: v for k, v in point.items() if k != "loss"} for point in curve]
        tested = self.data.test_labels, self.data.classes
        return {
            "last": figures[-1],
            "best_chosen_on_test": max(figures, key=lambda point: point["top1"]),
            "curve": curve,
            # The last epoch is always tested, and last.
            "correct": correct_images(predictions, *tested),
            "mistaken_for": mistaken_images(predictions, *tested),
        }

    def _optimiser(self) -> torch.optim.Optimizer:
        decay, momentum = self.settings.weight_decay, self.settings.momentum
        return student_optimiser(self.student, self.learning_rate, decay, momentum)

    def _is_tested(self, epoch: int) -> bool:
        settings, epochs = self.settings, self.settings.epochs
        if self._tuning is not None and epoch >= epochs:
            epoch, epochs = epoch - epochs, self._tuning.epochs
        return is_tested(epoch, epochs, settings.test_every, settings.tested_epochs)

    def _begin(
        self, epoch: int, optimiser: torch.optim.Optimizer, resumed: Snapshot | None
    ) -> None:
        """Set the optimiser for an epoch; one of a snapshot is within it."""
        settings = self.settings
        if self._tuning is not None and epoch >= settings.epochs:
            set_learning_rate(optimiser, self._tuning.rate(epoch - settings.epochs))
            if epoch == settings.epochs and resumed is None:
                # It starts as that of another training.
                optimiser.state.clear()
            return
        rate = stretched_cosine(self.learning_rate, epoch, settings.epochs, settings.eta)
        set_learning_rate(optimiser, rate)

    def _epoch(
        self,
        epoch: int,
        optimiser: torch.optim.Optimizer,
        curve: Sequence[Mapping[str, Any]] = (),
        state: LoopState = NO_STATE,
        resumed: Snapshot | None = None,
    ) -> Tensor:
        """One epoch; the mean loss per batch as a tensor on the device."""
        self.student.train()
        total = torch.zeros((), device=self.device)
        begin, steps = 0, self.batches
        if self._tuning is not None and epoch >= self.settings.epochs:
            steps = self._tuning.batches
        if resumed is not None:
            begin = int(resumed.facts["batch"])
            total += resumed.tensors["total"].to(self.device)
        watch = FiniteWatch(self.data.classes, self._where(epoch), self.precision.fix("evaluate"))

        def snapshot(done: int) -> Snapshot:
            network = prefixed("network", self.student.state_dict())
            facts = {"epoch": epoch, "batch": done, "curve": list(curve)}
            return training_snapshot(optimiser, self.precision, {"total": total, **network}, facts)

        batches = self._batches(epoch, begin)
        remaining = resumable(batches, watch, _NOT_FINITE, state, snapshot, start=begin)
        for number, passes in remaining:
            clear_gradients(optimiser, self.settings.compile)
            for term, loss, logits, labels in passes:
                self.precision.backward(loss)
                total += loss.detach()
                watch.note(number, {term: loss}, logits, labels)
            self.precision.step(optimiser)
        return total / steps

    def _batches(self, epoch: int, begin: int) -> Iterator[Iterator[Pass]]:
        """The epoch's batches from the given one: one step each, one backward pass for each half.

        Batch norm sees the half batches that the teacher saw.
        """
        data, soft, replay = self.data, self.data.soft, self.replay
        shown = epoch if soft is None else soft.stored_epoch(epoch)
        if self._tuning is not None and epoch >= self.settings.epochs:
            soft, shown = None, 0
            replay = self._tuning.replay(epoch - self.settings.epochs)
        targets = None if soft is None else epoch_logits(soft, shown, self.device)
        term = "cross-entropy" if targets is None else "distillation"

        def passes(halves: Sequence[HalfBatch]) -> Iterator[Pass]:
            for half in halves:
                logits = self._logits(half.images)
                loss = self._loss(logits, half, targets) / len(halves)
                yield term, loss, logits, data.labels[half.ids]

        return (passes(halves) for halves in replay.epoch(shown, begin))

    def _logits(self, images: Tensor) -> Tensor:
        """Of a training step, ``[B, C]`` in float32 at least."""
        with self.precision.autocast():
            logits = self.student.classify(self._features(images))
        return at_least_float32(logits)

    def _loss(self, logits: Tensor, half: HalfBatch, targets: Tensor | None) -> Tensor:
        if targets is None:
            labels = self.data.labels
            own = functional.cross_entropy(logits, labels[half.ids], reduction="none")
            other = functional.cross_entropy(logits, labels[half.partners], reduction="none")
            return (half.own_share * own + (1 - half.own_share) * other).mean()
        return distillation_loss(logits, targets[half.ids], self.settings.temperature)

    @torch.no_grad()
    def predictions(self, epoch: int) -> Tensor:
        """Predicted class ids of all test images ``[N]``, on the host, after an epoch.

        Raises:
            FD2Error: if the student diverged in the epoch's last step.
        """
        self.student.eval()
        chunks = self.data.test_images.in_order(_TEST_BATCH)
        logits = (self.student(self.data.normaliser.normalise(chunk)) for chunk in chunks)
        return predicted_classes(logits, self._where(epoch))

    def _where(self, epoch: int) -> str:
        return f"student {self.settings.student}, epoch {epoch}"


def distillation_loss(logits: Tensor, target_logits: Tensor, temperature: float) -> Tensor:
    """KL(softmax(target / T) || softmax(logits / T)), mean over the batch, without the factor T².

    Logits, the student's and the stored ones, are ``[B, C]``; T > 0.
    """
    return functional.kl_div(
        functional.log_softmax(logits / temperature, dim=1),
        functional.softmax(target_logits / temperature, dim=1),
        reduction="batchmean",
    )
