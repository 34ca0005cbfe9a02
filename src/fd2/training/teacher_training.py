"""One training run of a teacher, plain or with counterfactual attention learning."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from fd2.artifacts.image_batches import ImageBatches
from fd2.artifacts.prepared import PreparedDataset
from fd2.augment.whitening import normaliser_of
from fd2.config.networks import IMAGENET_WHOLE, NetworkInput
from fd2.config.settings import PretrainSettings
from fd2.epochs import is_tested
from fd2.image_counts import even_sizes
from fd2.losses.pretrain_loss import cal_pretrain_loss, teacher_loss
from fd2.networks.classifier_rows import classifier_rows, imagenet_numbers
from fd2.networks.compilation import compiled
from fd2.networks.formats import at_least_float32, on_device
from fd2.networks.prototypes import update_last_feature, update_momentum
from fd2.networks.stored_teacher import build_teacher
from fd2.networks.teacher import Teacher, recalibrate_batch_norm
from fd2.runtime.job import Job
from fd2.runtime.progress import Progress
from fd2.runtime.seeds import numpy_generator, seed_from
from fd2.runtime.state import NO_STATE, LoopState, Snapshot
from fd2.training.finite import FiniteWatch
from fd2.training.mixed_precision import precision_on
from fd2.training.optimisers import clear_gradients, teacher_optimiser, teacher_schedule
from fd2.training.snapshots import (
    generator_facts,
    prefixed,
    restore_generator,
    restore_training,
    resumable,
    training_snapshot,
    without_prefix,
)
from fd2.training.teacher_metrics import TEST_BATCH, teacher_metrics
from fd2.training.teacher_views import attention_views, augment_training, epoch_batches

_RECALIBRATION_BATCH = 64
_NOT_FINITE = "the training loss is not finite"


@dataclass
class _Run:
    """What a training run changes besides the teacher."""

    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    curve: list[dict[str, Any]] = field(default_factory=list)
    best: tuple[float, dict[str, Tensor]] | None = None


class TeacherTraining:
    """One training run; `run` leaves the chosen weights in `teacher`.

    Raises:
        FD2Error: if the teacher's backbone cannot be compiled here.
    """

    def __init__(self, settings: PretrainSettings, dataset: PreparedDataset, job: Job) -> None:
        self.settings = settings
        self.device = job.device
        self.normaliser = normaliser_of(dataset)
        self.images = ImageBatches(dataset.train, job.device)
        self._classes = dataset.manifest.classes
        self.labels = dataset.train.labels.to(job.device)
        self.test_images = ImageBatches(dataset.test, job.device)
        self.test_labels = dataset.test.labels
        # Not keyed by the training: plain and CAL teachers start from the same backbone and see
        # the same images in the same order.
        self._names = ("pretrain", settings.seed, settings.dataset, settings.backbone)
        manifest = dataset.manifest
        self.input = NetworkInput(
            manifest.channels, manifest.resolution, settings.stem, settings.transformer
        )
        rows = classifier_rows(settings.classifier, manifest)
        #: Of the network: ImageNet's thousand, or the dataset's.
        self.num_classes = dataset.num_classes if rows is None else len(rows)
        if settings.classifier == IMAGENET_WHOLE:
            self.test_labels = torch.tensor(imagenet_numbers(manifest))[self.test_labels]
        teacher = build_teacher(
            settings.backbone,
            self.num_classes,
            settings.cal.attention_maps if settings.cal else None,
            initialisation=settings.initialisation,
            weights_file=settings.weights_file,
            classifier_rows=rows,
            seed=seed_from(*self._names, "weights"),
            attention_initialisation=(
                settings.cal.attention_initialisation if settings.cal else "kaiming_normal"
            ),
            images=self.input,
        )
        self.teacher: Teacher = on_device(teacher, job.device, settings.memory_format)
        self._features = compiled(
            self.teacher.backbone.features, settings.compile, job.device, "pretrain.compile"
        )
        self.precision = precision_on(job.device, settings.mixed_precision)
        self._generator = torch.Generator(job.device).manual_seed(seed_from(*self._names, "cal"))

    def run(self, state: LoopState = NO_STATE) -> dict[str, Any]:
        """Train all epochs, choose weights, recompute batch-norm statistics, test.

        Training goes on from a snapshot to the same bits.

        Returns:
            ``last``, ``chosen``, ``selected``, ``curve`` and ``majority_class_top1`` in percent.
            Without an epoch ``curve`` is empty, and ``last`` the network as it started, at epoch
            -1.
        """
        settings = self.settings
        steps = len(even_sizes(len(self.labels), settings.batch_size))
        optimiser = teacher_optimiser(self.teacher, settings)
        run = _Run(optimiser, teacher_schedule(optimiser, settings, steps))
        # Dropout draws from the global generators, which a snapshot sets again.
        torch.manual_seed(seed_from(*self._names, "dropout"))
        resumed = state.restore()
        start = 0 if resumed is None else self._restore(resumed, run)
        what = f"teacher {settings.training}"
        progress = Progress(settings.epochs, what, unit="epoch", start=start)
        for epoch in progress:
            loss = self._epoch(epoch, run, state, resumed)
            resumed = None
            progress.show({"loss": loss})
            if not is_tested(epoch, settings.epochs, settings.test_every, settings.tested_epochs):
                continue
            point = {"epoch": epoch, "loss": float(loss), **self._test(f"epoch {epoch}")}
            run.curve.append(point)
            score = max(head["top1"] for head in (point["backbone"], point["cal"]) if head)
            if settings.selection == "best_on_test" and (run.best is None or score > run.best[0]):
                run.best = score, copy.deepcopy(self.teacher.state_dict())
        if run.best is not None:
            self.teacher.load_state_dict(run.best[1])
        if settings.batch_norm_statistics == "recomputed":
            recalibrate_batch_norm(self.teacher, self._recalibration_batches())
        counts = torch.bincount(self.test_labels)
        chosen = self._test("chosen weights")
        last = run.curve[-1] if run.curve else {"epoch": -1, **chosen}
        return {
            "selected": settings.selection,
            "last": {key: last[key] for key in ("epoch", "backbone", "cal")},
            "chosen": chosen,
            "curve": run.curve,
            "majority_class_top1": 100 * float(counts.max() / counts.sum()),
        }

    def _epoch(self, epoch: int, run: _Run, state: LoopState, resumed: Snapshot | None) -> Tensor:
        """One pass over the training images; the mean loss as a tensor on the device."""
        rng = numpy_generator(*self._names, "epoch", epoch)
        self.teacher.train()
        total = torch.zeros((), device=self.device)
        batches = epoch_batches(rng, len(self.labels), self.settings.batch_size)
        begin = 0
        if resumed is not None:
            begin = int(resumed.facts["batch"])
            total += resumed.tensors["total"].to(self.device)
            restore_generator(rng, resumed.facts["generator"])
        where = self._where(f"epoch {epoch}")
        watch = FiniteWatch(self._classes, where, self.precision.fix("pretrain"))

        def snapshot(done: int) -> Snapshot:
            facts = {"epoch": epoch, "batch": done, "generator": generator_facts(rng)}
            return self._snapshot(run, total, facts)

        remaining = resumable(batches[begin:], watch, _NOT_FINITE, state, snapshot, start=begin)
        pixels = self.images.batches(batches[begin:])
        for number, indices in remaining:
            images = augment_training(
                next(pixels), self.normaliser, self.settings.augmentation, rng
            )
            labels = self.labels[indices.to(self.device, non_blocking=True)]
            loss, terms, logits = self._loss(images, labels)
            clear_gradients(run.optimiser, self.settings.compile)
            self.precision.backward(loss)
            self.precision.step(run.optimiser)
            run.schedule.step()
            total += loss.detach()
            watch.note(number, terms, logits, labels)
        return total / len(batches)

    def _snapshot(self, run: _Run, total: Tensor, facts: dict[str, Any]) -> Snapshot:
        best_score, best = run.best if run.best is not None else (None, {})
        return training_snapshot(
            run.optimiser,
            self.precision,
            {
                "total": total,
                "generator": self._generator.get_state(),
                **prefixed("network", self.teacher.state_dict()),
                **prefixed("best", best),
            },
            {
                **facts,
                "schedule": run.schedule.state_dict(),
                "curve": run.curve,
                "best_score": best_score,
            },
        )

    def _restore(self, resumed: Snapshot, run: _Run) -> int:
        """Set networks, optimiser and generators to a snapshot; returns its epoch."""
        tensors, facts = resumed.tensors, resumed.facts
        self.teacher.load_state_dict(without_prefix("network", tensors))
        self._generator.set_state(tensors["generator"])
        restore_training(resumed, run.optimiser, self.precision)
        run.schedule.load_state_dict(facts["schedule"])
        run.curve = facts["curve"]
        if facts["best_score"] is not None:
            run.best = facts["best_score"], without_prefix("best", tensors)
        return int(facts["epoch"])

    def _loss(self, images: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """FD² eq. 8 (eq. 6 for the attention head), or cross-entropy for a plain teacher.

        Returns:
            The loss, its terms before weighting, and logits ``[B, ...]`` of all heads.
        """
        teacher, cal = self.teacher, self.settings.cal
        with self.precision.autocast():
            features = self._features(images)
            backbone_logits = at_least_float32(teacher.backbone.classify(features))
        if teacher.cal is None or cal is None:
            plain = functional.cross_entropy(backbone_logits, labels)
            return plain, {"backbone": plain}, backbone_logits
        with self.precision.autocast():
            output = teacher.cal(features)
            effect = teacher.cal.effect(features, output, self._generator)
        views = attention_views(images, output.attention, cal, self._generator)
        with self.precision.autocast():
            view_features = self._features(views)
            view_output = teacher.cal(view_features)
            view_effect = teacher.cal.effect(view_features, view_output, self._generator)
        logits = torch.cat([output.logits, view_output.logits])
        cal_loss = cal_pretrain_loss(
            at_least_float32(logits),
            torch.cat([effect, view_effect]),
            output.feature,
            teacher.prototypes,
            labels,
        )
        loss = teacher_loss(backbone_logits, labels, cal_loss, cal.cal_ratio)
        # After the loss: the centre term compares with the prototypes before this step.
        update = update_momentum if cal.prototypes == "momentum" else update_last_feature
        update(teacher.prototypes, output.feature.detach(), labels, cal.prototype_momentum)
        with torch.no_grad():
            backbone = functional.cross_entropy(backbone_logits, labels)
        heads = torch.cat([backbone_logits, at_least_float32(output.logits)], dim=1)
        return loss, {"backbone": backbone, "cal": cal_loss}, heads

    def _recalibration_batches(self) -> Iterator[Tensor]:
        """Normalised images ``[B, K, H, W]``, each training image once, as in training.

        Shuffled: the arrays lie class by class, and the variance within a batch of one class lacks
        what is between classes. Augmented: the weights fit the statistics of such images.
        """
        rng = numpy_generator(*self._names, "recalibration")
        batches = epoch_batches(rng, len(self.images), _RECALIBRATION_BATCH)
        for images in self.images.batches(batches):
            yield augment_training(images, self.normaliser, self.settings.augmentation, rng)

    def _where(self, when: str) -> str:
        return f"teacher {self.settings.backbone}/{self.settings.training}, {when}"

    def _test(self, when: str) -> dict[str, Any]:
        return teacher_metrics(
            self.teacher,
            self.test_images.in_order(TEST_BATCH),
            self.test_labels,
            self.normaliser,
            self.settings.accuracy,
            self.settings.cal.attention_box if self.settings.cal else "exact",
            self._where(when),
        )
