"""Stage pretrain: a teacher on the full data, plain or with counterfactual attention learning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.artifacts.provenance import record, shaped_by
from fd2.artifacts.records import write_record
from fd2.config.datasets import TESTED_ON
from fd2.config.settings import PretrainSettings
from fd2.networks.stored_teacher import write_teacher
from fd2.networks.teacher import Teacher
from fd2.runtime.job import Job
from fd2.runtime.state import stage_state
from fd2.training.teacher_training import TeacherTraining


def pretrain(
    settings: PretrainSettings,
    data: Path,
    output: Path,
    metrics_file: Path,
    job: Job,
) -> None:
    """Train a teacher and write it with its metrics.

    A job that was stopped goes on from its state and ends in the same bytes.

    Args:
        settings: of the stage.
        data: folder of the prepared dataset.
        output: the teacher's tensor file.
        metrics_file: JSON beside it: curve, last and chosen metrics of both heads, provenance.
        job: device, clock and place of the state.

    Raises:
        FD2Error: if the data is missing or damaged, or the loss stops being finite.
        StoppedError: if a signal came; the state is written.
    """
    dataset = open_prepared(data)
    manifest = dataset.manifest
    shaped = shaped_by("pretrain", settings, manifest.digest(), {})
    with stage_state(job, shaped) as state:
        training = TeacherTraining(settings, dataset, job)
        result = training.run(state.part("training"))
        _write(training.teacher, settings, dataset, shaped, result, output, metrics_file, job)
        state.remove()


def _write(
    teacher: Teacher,
    settings: PretrainSettings,
    dataset: PreparedDataset,
    shaped: dict[str, Any],
    result: dict[str, Any],
    output: Path,
    metrics_file: Path,
    job: Job,
) -> None:
    manifest = dataset.manifest
    facts = {
        "backbone": settings.backbone,
        "classes": dataset.num_classes,
        "attention_maps": settings.cal.attention_maps if settings.cal else None,
        "cal_ratio": settings.cal.cal_ratio if settings.cal else 0.0,
        "mean": list(manifest.mean),
        "std": list(manifest.std),
        "resolution": manifest.resolution,
    }
    write_teacher(output, teacher, {**shaped, **facts})
    identity = {key: getattr(settings, key) for key in ("dataset", "backbone", "training")}
    write_record(
        metrics_file,
        {
            "teacher": identity,
            "protocol": settings.protocol,
            "resolution": manifest.resolution,
            TESTED_ON: manifest.tested_on,
            "result": result,
            **record(shaped, job.facts()),
        },
    )
