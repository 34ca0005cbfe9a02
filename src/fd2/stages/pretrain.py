"""Stage pretrain: a teacher on the full data, plain or with counterfactual attention learning."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from fd2.artifacts.files import write_json
from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.artifacts.provenance import record, shaped_by
from fd2.augment.normalise import Normaliser
from fd2.config.settings import PretrainSettings
from fd2.errors import FD2Error
from fd2.losses.pretrain_loss import cal_pretrain_loss, teacher_loss
from fd2.networks.cal import CALOutput
from fd2.networks.placement import on_device
from fd2.networks.prototypes import update_last_feature, update_momentum
from fd2.networks.stored_teacher import build_teacher, write_teacher
from fd2.networks.teacher import Teacher, recalibrate_batch_norm
from fd2.runtime.job import Job
from fd2.runtime.progress import Progress
from fd2.runtime.seeds import numpy_generator, seed_from
from fd2.training.batches import epoch_batches, even_sizes
from fd2.training.optimisers import teacher_optimiser, teacher_schedule
from fd2.training.teacher_metrics import teacher_metrics
from fd2.training.teacher_views import attention_views, augment_training

_RECALIBRATION_BATCH = 64


def pretrain(
    settings: PretrainSettings, data: Path, output: Path, metrics_file: Path, job: Job
) -> None:
    """Train a teacher and write it with its metrics.

    Args:
        settings: of the stage.
        data: folder of the prepared dataset.
        output: the teacher's tensor file.
        metrics_file: JSON beside it: curve, last and chosen metrics of both heads, provenance.
        job: device and clock.

    Raises:
        FD2Error: if the data is missing or damaged, or the loss stops being finite.
    """
    dataset = open_prepared(data)
    training = TeacherTraining(settings, dataset, job)
    result = training.run()
    manifest = dataset.manifest
    shaped = shaped_by("pretrain", settings, manifest.digest(), {})
    facts = {
        "backbone": settings.backbone,
        "classes": dataset.num_classes,
        "attention_maps": settings.cal.attention_maps if settings.cal else None,
        "cal_ratio": settings.cal.cal_ratio if settings.cal else 0.0,
        "mean": list(manifest.mean),
        "std": list(manifest.std),
        "resolution": manifest.resolution,
    }
    write_teacher(output, training.teacher, {**shaped, **facts})
    identity = {key: getattr(settings, key) for key in ("dataset", "backbone", "recipe")}
    write_json(
        metrics_file,
        {
            "teacher": identity,
            "protocol": settings.protocol,
            "resolution": manifest.resolution,
            "result": result,
            **record(shaped, job),
        },
    )


class TeacherTraining:
    """One training run; `run` leaves the chosen weights in `teacher`."""

    def __init__(self, settings: PretrainSettings, dataset: PreparedDataset, job: Job) -> None:
        self.settings = settings
        self.device = job.device
        self.normaliser = Normaliser(dataset.manifest.mean, dataset.manifest.std)
        self.images = dataset.train.all_images(job.device)
        self.labels = dataset.train.labels.to(job.device)
        self.test_images = dataset.test.all_images(job.device)
        self.test_labels = dataset.test.labels
        # Not keyed by the recipe: plain and CAL teachers start from the same backbone and see
        # the same images in the same order.
        self._names = ("pretrain", settings.seed, settings.dataset, settings.backbone)
        teacher = build_teacher(
            settings.backbone,
            dataset.num_classes,
            settings.cal.attention_maps if settings.cal else None,
            initialisation=settings.initialisation,
            seed=seed_from(*self._names, "weights"),
        )
        self.teacher: Teacher = on_device(teacher, job.device)
        self._generator = torch.Generator(job.device).manual_seed(seed_from(*self._names, "cal"))

    def run(self) -> dict[str, Any]:
        """Train all epochs, choose weights, recompute batch-norm statistics, test.

        Returns:
            ``last``, ``chosen``, ``selected``, ``curve`` and ``majority_class_top1`` in percent.
        """
        settings = self.settings
        steps = len(even_sizes(len(self.labels), settings.batch_size))
        optimiser = teacher_optimiser(self.teacher, settings)
        schedule = teacher_schedule(optimiser, settings, steps)
        curve: list[dict[str, Any]] = []
        best: tuple[float, dict[str, Tensor]] | None = None
        progress = Progress(settings.epochs, f"teacher {settings.recipe}", unit="epoch")
        for epoch in progress:
            loss = self._epoch(epoch, optimiser, schedule)
            progress.show({"loss": loss})
            last = epoch == settings.epochs - 1
            if not last and (epoch + 1) % settings.test_every:
                continue
            self._require_finite(loss, epoch)
            point = {"epoch": epoch, "loss": float(loss), **self._test()}
            curve.append(point)
            score = max(head["top1"] for head in (point["backbone"], point["cal"]) if head)
            if settings.selection == "best_on_test" and (best is None or score > best[0]):
                best = score, copy.deepcopy(self.teacher.state_dict())
        if best is not None:
            self.teacher.load_state_dict(best[1])
        if settings.batch_norm_statistics == "recomputed":
            recalibrate_batch_norm(self.teacher, self._plain_batches())
        counts = torch.bincount(self.test_labels)
        return {
            "selected": settings.selection,
            "last": {key: curve[-1][key] for key in ("epoch", "backbone", "cal")},
            "chosen": self._test(),
            "curve": curve,
            "majority_class_top1": 100 * float(counts.max() / counts.sum()),
        }

    def _epoch(
        self,
        epoch: int,
        optimiser: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
    ) -> Tensor:
        """One pass over the training images; the mean loss as a tensor on the device."""
        rng = numpy_generator(*self._names, "epoch", epoch)
        self.teacher.train()
        total = torch.zeros((), device=self.device)
        batches = epoch_batches(rng, len(self.labels), self.settings.batch_size)
        for indices in batches:
            chosen = indices.to(self.device)
            images = augment_training(
                self.images[chosen], self.normaliser, self.settings.augmentation, rng
            )
            loss = self._loss(images, self.labels[chosen])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.detach()
        return total / len(batches)

    def _loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """FD² eq. 8 (eq. 6 for the attention head), or cross-entropy for a plain teacher."""
        teacher, cal = self.teacher, self.settings.cal
        raw = teacher(images)
        if teacher.cal is None or cal is None:
            return functional.cross_entropy(raw.backbone_logits, labels)
        output = CALOutput(raw.cal_logits, raw.cal_feature, raw.attention)
        effect = teacher.cal.effect(raw.features, output, self._generator)
        views = attention_views(
            images,
            output.attention,
            cal.attention_crop,
            cal.attention_drop,
            self._generator,
        )
        view_features = teacher.backbone.features(views)
        view_output = teacher.cal(view_features)
        view_effect = teacher.cal.effect(view_features, view_output, self._generator)
        cal_loss = cal_pretrain_loss(
            torch.cat([output.logits, view_output.logits]),
            torch.cat([effect, view_effect]),
            output.feature,
            teacher.prototypes,
            labels,
        )
        loss = teacher_loss(raw.backbone_logits, labels, cal_loss, cal.cal_ratio)
        # After the loss: the centre term compares with the prototypes before this step.
        update = update_momentum if cal.prototypes == "momentum" else update_last_feature
        update(teacher.prototypes, output.feature.detach(), labels, cal.prototype_momentum)
        return loss

    def _plain_batches(self) -> Iterator[Tensor]:
        for chunk in self.images.split(even_sizes(len(self.images), _RECALIBRATION_BATCH)):
            yield self.normaliser.normalise(chunk)

    def _test(self) -> dict[str, Any]:
        return teacher_metrics(
            self.teacher,
            self.test_images,
            self.test_labels,
            self.normaliser,
            self.settings.accuracy,
        )

    def _require_finite(self, loss: Tensor, epoch: int) -> None:
        if not bool(torch.isfinite(loss)):
            raise FD2Error(
                f"the training loss is {float(loss)}",
                f"teacher {self.settings.backbone}/{self.settings.recipe}, epoch {epoch}",
                "lower 'pretrain.learning_rate'",
            )
