"""Stage evaluate: one student on one distilled set, tested on the real test images."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from fd2.artifacts.files import file_digest, write_json
from fd2.artifacts.images import DistilledSet, read_distilled
from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.artifacts.soft_labels import SoftLabels, epoch_logits, read_soft_labels
from fd2.augment.normalise import Normaliser
from fd2.config import plugins
from fd2.config.settings import EvaluateSettings
from fd2.errors import FD2Error
from fd2.networks.placement import on_device
from fd2.replay.plan import plan_augmentation
from fd2.replay.view import HalfBatch, Replay
from fd2.runtime.job import Job
from fd2.runtime.progress import Progress
from fd2.runtime.seeds import seed_from
from fd2.training.accuracy import accuracies
from fd2.training.optimisers import set_learning_rate, stretched_cosine, student_optimiser

_TEST_BATCH = 256
_CELL = ("dataset", "method", "fd2", "variant", "ipc", "student", "seed")


def evaluate(
    settings: EvaluateSettings,
    data: Path,
    distilled: Path,
    labels: Path | None,
    output: Path,
    job: Job,
) -> None:
    """Train and test a student; write the cell.

    Args:
        settings: of the stage.
        data: folder of the prepared dataset, for the test images.
        distilled: the distilled set.
        labels: folder of the soft labels; None for hard labels.
        output: the cell's JSON.
        job: device and clock.

    Raises:
        FD2Error: if inputs do not belong together, or the loss stops being finite.
    """
    dataset = open_prepared(data)
    images = read_distilled(distilled)
    soft = None if labels is None else read_soft_labels(labels)
    manifest = _require_fitting(dataset, images, soft, data, distilled, labels, settings)
    training = StudentTraining(settings, dataset, images, soft, job)
    result = training.run()
    inputs = {"distilled": distilled}
    if labels is not None:
        inputs |= {"logits": labels / "logits.npy"}
        inputs |= {"augmentation": labels / "augmentation.safetensors"}
    shaped = shaped_by("evaluate", settings, manifest, inputs)
    cell = {key: value for key, value in asdict(settings).items() if key in _CELL}
    write_json(
        output,
        {
            "cell": cell,
            "protocol": settings.protocol,
            "resolution": dataset.manifest.resolution,
            "result": result,
            **record(shaped, job),
        },
    )


def _require_fitting(
    dataset: PreparedDataset,
    images: DistilledSet,
    soft: SoftLabels | None,
    data: Path,
    distilled: Path,
    labels: Path | None,
    settings: EvaluateSettings,
) -> str:
    digests = {str(data): dataset.manifest.digest(), str(distilled): images.metadata["manifest"]}
    if soft is None:
        return same_manifest(digests)
    manifest = same_manifest(digests | {str(labels): soft.metadata["manifest"]})
    if soft.metadata["inputs"]["distilled"] != file_digest(distilled):
        raise FD2Error(
            "the soft labels belong to other distilled images",
            f"{labels} and {distilled}",
            "delete the labels and run again; stage relabel makes them anew",
        )
    if settings.epochs > len(soft.logits):
        raise FD2Error(
            f"{settings.epochs} epochs of training, labels for {len(soft.logits)}",
            str(labels),
            "raise 'relabel.epochs' or lower 'evaluate.epochs'",
        )
    return manifest


class StudentTraining:
    """One student's training run over a stored or freshly drawn augmentation."""

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
        self.labels = images.labels.to(job.device)
        augmentation = soft.augmentation if soft is not None else self._own_plan(images)
        self.replay = Replay(self.normaliser.normalise(images.images.to(job.device)), augmentation)
        self.test_images = dataset.test.all_images(job.device)
        self.test_labels = dataset.test.labels
        backbone = plugins.load("backbones", settings.student)
        student: nn.Module = backbone.build(
            dataset.num_classes,
            settings.initialisation,
            seed=seed_from("student", settings.seed, settings.dataset, settings.student),
        )
        self.student = on_device(student, job.device)

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

    def run(self) -> dict[str, Any]:
        """Train all epochs and test now and then.

        Returns:
            ``last`` (what tables show), ``best_chosen_on_test`` and ``curve``, in percent.
        """
        settings = self.settings
        optimiser = student_optimiser(self.student, settings.learning_rate, settings.weight_decay)
        curve: list[dict[str, Any]] = []
        progress = Progress(settings.epochs, "student", unit="epoch")
        for epoch in progress:
            rate = stretched_cosine(settings.learning_rate, epoch, settings.epochs, settings.eta)
            set_learning_rate(optimiser, rate)
            loss = self._epoch(epoch, optimiser)
            progress.show({"loss": loss})
            if epoch == settings.epochs - 1 or (epoch + 1) % settings.test_every == 0:
                curve.append({"epoch": epoch, "loss": self._finite(loss, epoch), **self.test()})
        figures = [{k: v for k, v in point.items() if k != "loss"} for point in curve]
        return {
            "last": figures[-1],
            "best_chosen_on_test": max(figures, key=lambda point: point["top1"]),
            "curve": curve,
        }

    def _epoch(self, epoch: int, optimiser: torch.optim.Optimizer) -> Tensor:
        """One epoch; the mean loss per batch as a tensor on the device."""
        self.student.train()
        targets = None if self.soft is None else epoch_logits(self.soft, epoch, self.device)
        total = torch.zeros((), device=self.device)
        batches = 0
        for halves in self.replay.epoch(epoch):
            optimiser.zero_grad(set_to_none=True)
            # One step per batch, one backward per half: batch norm sees the half batches that the
            # teacher saw.
            for half in halves:
                loss = self._loss(half, targets) / len(halves)
                loss.backward()
                total += loss.detach()
            optimiser.step()
            batches += 1
        return total / batches

    def _loss(self, half: HalfBatch, targets: Tensor | None) -> Tensor:
        logits = self.student(half.images)
        if targets is None:
            own = functional.cross_entropy(logits, self.labels[half.ids], reduction="none")
            other = functional.cross_entropy(logits, self.labels[half.partners], reduction="none")
            return (half.own_share * own + (1 - half.own_share) * other).mean()
        return distillation_loss(logits, targets[half.ids], self.settings.temperature)

    @torch.no_grad()
    def test(self) -> dict[str, float]:
        """Top-1 and class-balanced top-1 on all test images, in percent."""
        self.student.eval()
        predictions = [
            self.student(self.normaliser.normalise(chunk)).argmax(1)
            for chunk in self.test_images.split(_TEST_BATCH)
        ]
        return accuracies(torch.cat(predictions).cpu(), self.test_labels)

    def _finite(self, loss: Tensor, epoch: int) -> float:
        value = float(loss)
        if value != value or value in (float("inf"), float("-inf")):
            raise FD2Error(
                f"the student's loss is {value}",
                f"student {self.settings.student}, epoch {epoch}",
                "lower 'evaluate.learning_rate'",
            )
        return value


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
