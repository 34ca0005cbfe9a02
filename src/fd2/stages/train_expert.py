"""Stage train_expert: how a network's parameters go in training, for trajectory matching."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.provenance import record, shaped_by
from fd2.artifacts.records import write_record
from fd2.artifacts.remarks import REMARKS
from fd2.config.datasets import TESTED_ON
from fd2.config.experts import STAGE, ExpertSettings
from fd2.runtime.job import Job
from fd2.runtime.state import stage_state
from fd2.trajectories.expert_training import ExpertTraining
from fd2.trajectories.stored_expert import write_expert


def train_expert(
    settings: ExpertSettings, data: Path, output: Path, record_file: Path, job: Job
) -> None:
    """Train an expert and write its trajectory, with losses and last accuracies in the record.

    A job that was stopped goes on from its state and ends in the same bytes.

    Raises:
        FD2Error: if the network has buffers, the data is missing or damaged, or the loss stops
            being finite.
        StoppedError: if a signal came; the state is written.
    """
    dataset = open_prepared(data)
    manifest = dataset.manifest
    shaped = shaped_by(STAGE, settings, manifest.digest(), {})
    training = ExpertTraining(settings, dataset, job)
    with stage_state(job, shaped) as state:
        result = training.run(state.part("training"))
        facts = {
            "backbone": settings.backbone,
            "classes": dataset.num_classes,
            **manifest.statistics,
            **asdict(training.input),
        }
        write_expert(output, training.weights, training.network, {**shaped, **facts})
        names = ("dataset", "backbone", "variant", "number")
        content = {
            "expert": {key: getattr(settings, key) for key in names},
            "parameters": training.network.size,
            "resolution": manifest.resolution,
            "channels": manifest.channels,
            TESTED_ON: manifest.tested_on,
            REMARKS: manifest.remarks,
            "result": result,
        }
        write_record(record_file, {**content, **record(shaped, job.facts())})
        state.remove()
