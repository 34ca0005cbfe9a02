"""One training run of a student on a distilled set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from fd2.artifacts.images import DistilledSet
from fd2.artifacts.prepared import PreparedDataset
from fd2.artifacts.soft_labels import SoftLabels, epoch_logits
from fd2.augment.normalise import Normaliser
from fd2.config import plugins
from fd2.config.settings import EvaluateSettings
from fd2.networks.backbone import Backbone
from fd2.networks.compilation import compiled
from fd2.networks.placement import on_device
from fd2.networks.precision import at_least_float32
from fd2.replay.plan import plan_augmentation
from fd2.replay.view import HalfBatch, Replay
from fd2.runtime.job import Job
from fd2.runtime.progress import Progress
from fd2.runtime.seeds import seed_from
from fd2.runtime.state import NO_STATE, LoopState, Snapshot
from fd2.training.accuracy import accuracies
from fd2.training.correct_images import correct_images
from fd2.training.finite import FiniteWatch
from fd2.training.mixed_precision import precision_on
from fd2.training.optimisers import (
    clear_gradients,
    set_learning_rate,
    stretched_cosine,
    student_optimiser,
)
from fd2.training.snapshots import (
    network_tensors,
    optimiser_facts,
    optimiser_tensors,
    prefixed,
    restore_optimiser,
    without_prefix,
)

_TEST_BATCH = 256
_NOT_FINITE = "the student's loss is not finite"


class StudentTraining:
    """One student's training run over a stored or freshly drawn augmentation.

    Raises:
        FD2Error: if the student cannot be compiled here.
    """

    def __init__(
        self,
        settings: EvaluateSettings,
        dataset: PreparedDataset,
        images: DistilledSet,
        soft: SoftLabels | None,
        job: Job,
    ) -> None:
        self.settings = settings
        self.device = job.device
        self.soft = soft
        self.normaliser = Normaliser(images.metadata["mean"], images.metadata["std"])
        self._classes = dataset.manifest.classes
        self.labels = images.labels.to(job.device)
        augmentation = soft.augmentation if soft is not None else self._own_plan(images)
        self.replay = Replay(self.normaliser.normalise(images.images.to(job.device)), augmentation)
        self.test_images = dataset.test.all_images(job.device)
        self.test_labels = dataset.test.labels
        backbone = plugins.load("backbones", settings.student)
        student: Backbone = backbone.build(
            dataset.num_classes,
            settings.initialisation,
            seed=seed_from("student", settings.seed, settings.dataset, settings.student),
        )
        self.student = on_device(student, job.device, settings.memory_format)
        self._features = compiled(
            self.student.features, settings.compile, job.device, "evaluate.compile"
        )
        self.precision = precision_on(job.device, settings.mixed_precision)

    def _own_plan(self, images: DistilledSet) -> Any:
        settings = self.settings
        return plan_augmentation(
            ("hard labels", settings.seed),
            len(images.images),
            settings.epochs,
            images.images.shape[-1],
            batch_size=settings.batch_size,
            crop_scale=settings.crop_scale,
            cutmix_alpha=settings.cutmix_alpha,
        )

    def run(self, state: LoopState = NO_STATE) -> dict[str, Any]:
        """Train all epochs and test now and then.

        Args:
            state: training goes on from its snapshot, to the same bits.

        Returns:
            ``last`` (what tables show), ``best_chosen_on_test`` and ``curve``, in percent, and
            ``correct``, the test images that are right at the last epoch; see `correct_images`.
        """
        settings = self.settings
        optimiser = student_optimiser(self.student, settings.learning_rate, settings.weight_decay)
        curve: list[dict[str, Any]] = []
        kept = state.restore()
        start = 0
        if kept is not None:
            self._restore(kept, optimiser)
            start, curve = int(kept.facts["epoch"]), kept.facts["curve"]
        progress = Progress(settings.epochs, "student", unit="epoch", start=start)
        for epoch in progress:
            rate = stretched_cosine(settings.learning_rate, epoch, settings.epochs, settings.eta)
            set_learning_rate(optimiser, rate)
            loss = self._epoch(epoch, optimiser, curve, state, kept)
            kept = None
            progress.show({"loss": loss})
            if epoch == settings.epochs - 1 or (epoch + 1) % settings.test_every == 0:
                predictions = self.predictions()
                scores = accuracies(predictions, self.test_labels)
                curve.append({"epoch": epoch, "loss": float(loss), **scores})
        figures = [{k: v for k, v in point.items() if k != "loss"} for point in curve]
        return {
            "last": figures[-1],
            "best_chosen_on_test": max(figures, key=lambda point: point["top1"]),
            "curve": curve,
            # The last epoch is always tested, and last.
            "correct": correct_images(predictions, self.test_labels, self._classes),
        }

    def _epoch(
        self,
        epoch: int,
        optimiser: torch.optim.Optimizer,
        curve: Sequence[Mapping[str, Any]] = (),
        state: LoopState = NO_STATE,
        kept: Snapshot | None = None,
    ) -> Tensor:
        """One epoch; the mean loss per batch as a tensor on the device."""
        self.student.train()
        targets = None if self.soft is None else epoch_logits(self.soft, epoch, self.device)
        total = torch.zeros((), device=self.device)
        begin = 0
        if kept is not None:
            begin = int(kept.facts["batch"])
            total += kept.tensors["total"].to(self.device)
        where = f"student {self.settings.student}, epoch {epoch}"
        watch = FiniteWatch(self._classes, where, self.precision.fix("evaluate"))

        def snapshot() -> Snapshot:
            watch.check(_NOT_FINITE)
            return Snapshot(
                {
                    "total": total,
                    **prefixed("network", network_tensors(self.student)),
                    **prefixed("optimiser", optimiser_tensors(optimiser)),
                },
                {
                    "epoch": epoch,
                    "batch": number + 1,
                    "curve": list(curve),
                    "optimiser": optimiser_facts(optimiser),
                    "loss_scale": self.precision.snapshot(),
                },
            )

        for number, halves in enumerate(self.replay.epoch(epoch, begin), begin):
            clear_gradients(optimiser, self.settings.compile)
            # One step per batch, one backward per half: batch norm sees the half batches that the
            # teacher saw.
            for half in halves:
                logits = self._logits(half.images)
                loss = self._loss(logits, half, targets) / len(halves)
                self.precision.backward(loss)
                total += loss.detach()
                watch.note(number, {_term(targets): loss}, logits, self.labels[half.ids])
            self.precision.step(optimiser)
            if watch.due(number):
                watch.check(_NOT_FINITE)
            state.checkpoint(snapshot)
        watch.check(_NOT_FINITE)
        return total / self.replay.batches

    def _restore(self, kept: Snapshot, optimiser: torch.optim.Optimizer) -> None:
        self.student.load_state_dict(without_prefix("network", kept.tensors))
        restore_optimiser(
            optimiser, without_prefix("optimiser", kept.tensors), kept.facts["optimiser"]
        )
        self.precision.restore(kept.facts["loss_scale"])

    def _logits(self, images: Tensor) -> Tensor:
        """Of a training step, ``[B, C]`` in float32 at least."""
        with self.precision.autocast():
            logits = self.student.classify(self._features(images))
        return at_least_float32(logits)

    def _loss(self, logits: Tensor, half: HalfBatch, targets: Tensor | None) -> Tensor:
        if targets is None:
            own = functional.cross_entropy(logits, self.labels[half.ids], reduction="none")
            other = functional.cross_entropy(logits, self.labels[half.partners], reduction="none")
            return (half.own_share * own + (1 - half.own_share) * other).mean()
        return distillation_loss(logits, targets[half.ids], self.settings.temperature)

    @torch.no_grad()
    def predictions(self) -> Tensor:
        """Predicted class ids of all test images ``[N]``, on the host."""
        self.student.eval()
        predictions = [
            self.student(self.normaliser.normalise(chunk)).argmax(1)
            for chunk in self.test_images.split(_TEST_BATCH)
        ]
        return torch.cat(predictions).cpu()


def _term(targets: Tensor | None) -> str:
    return "cross-entropy" if targets is None else "distillation"


def distillation_loss(logits: Tensor, target_logits: Tensor, temperature: float) -> Tensor:
    """KL(softmax(target / T) || softmax(logits / T)), mean over the batch, without the factor T².

    Args:
        logits: the student's ``[B, C]``.
        target_logits: the stored ones ``[B, C]``.
        temperature: T > 0.
    """
    return functional.kl_div(
        functional.log_softmax(logits / temperature, dim=1),
        functional.softmax(target_logits / temperature, dim=1),
        reduction="batchmean",
    )
