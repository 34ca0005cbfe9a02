"""Stage pretrain: a teacher on the full data, plain or with counterfactual attention learning."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.provenance import record, shaped_by
from fd2.artifacts.records import write_record
from fd2.artifacts.remarks import REMARKS
from fd2.config.datasets import TESTED_ON
from fd2.config.settings import PretrainSettings
from fd2.networks.stored_teacher import write_teacher
from fd2.runtime.job import Job
from fd2.runtime.state import stage_state
from fd2.training.teacher_training import TeacherTraining


def pretrain(
    settings: PretrainSettings, data: Path, output: Path, metrics_file: Path, job: Job
) -> None:
    """Train a teacher and write it with curve, last and chosen metrics of both heads.

    A job that was stopped goes on from its state and ends in the same bytes.

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
        facts = {
            "backbone": settings.backbone,
            "classes": training.num_classes,
            "attention_maps": settings.cal.attention_maps if settings.cal else None,
            "cal_ratio": settings.cal.cal_ratio if settings.cal else 0.0,
            **manifest.statistics,
            **asdict(training.input),
        }
        write_teacher(output, training.teacher, {**shaped, **facts})
        metrics = {
            "teacher": {key: getattr(settings, key) for key in ("dataset", "backbone", "training")},
            "preset": settings.preset,
            "resolution": manifest.resolution,
            "channels": manifest.channels,
            TESTED_ON: manifest.tested_on,
            REMARKS: manifest.remarks,
            "result": result,
        }
        write_record(metrics_file, {**metrics, **record(shaped, job.facts())})
        state.remove()
