"""Stage evaluate: one student on one distilled set, tested on the real test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from fd2.artifacts.files import file_digest
from fd2.artifacts.images import DistilledSet, read_distilled
from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.artifacts.records import write_record
from fd2.artifacts.soft_labels import SoftLabels, read_soft_labels
from fd2.config.datasets import TESTED_ON
from fd2.config.settings import EvaluateSettings
from fd2.errors import FD2Error
from fd2.runtime.job import Job
from fd2.runtime.state import stage_state
from fd2.training.student_training import StudentTraining

_CELL = ("dataset", "method", "fd2", "variant", "ipc", "student", "seed")


def evaluate(
    settings: EvaluateSettings,
    data: Path,
    distilled: Path,
    labels: Path | None,
    output: Path,
    job: Job,
    *,
    code: Sequence[Path] = (),
) -> None:
    """Train and test a student; write the cell.

    A job that was stopped goes on from its state and ends in the same numbers.

    Args:
        settings: of the stage.
        data: folder of the prepared dataset, for the test images.
        distilled: the distilled set.
        labels: folder of the soft labels; None for hard labels.
        output: the cell's JSON.
        job: device, clock and place of the state.
        code: source files; state that other code left is not taken over.

    Raises:
        FD2Error: if inputs do not belong together, or the loss stops being finite.
        StoppedError: if a signal came; the state is written.
    """
    dataset = open_prepared(data)
    images = read_distilled(distilled)
    soft = None if labels is None else read_soft_labels(labels)
    manifest = _require_fitting(dataset, images, soft, data, distilled, labels, settings)
    inputs = {"distilled": distilled}
    if labels is not None:
        inputs |= {"logits": labels / "logits.npy"}
        inputs |= {"augmentation": labels / "augmentation.safetensors"}
    shaped = shaped_by("evaluate", settings, manifest, inputs)
    cell = {key: value for key, value in asdict(settings).items() if key in _CELL}
    with stage_state(job, shaped, code) as state:
        training = StudentTraining(settings, dataset, images, soft, job)
        result = training.run(state.part("training"))
        content = {
            "cell": cell,
            "protocol": settings.protocol,
            "resolution": dataset.manifest.resolution,
            TESTED_ON: dataset.manifest.tested_on,
            "result": result,
            **record(shaped, job.facts()),
        }
        write_record(output, content)
        state.remove()


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
