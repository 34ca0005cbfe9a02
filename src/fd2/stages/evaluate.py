"""Stage evaluate: students on one distilled set, tested on the real test images."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from fd2.artifacts.files import file_digest
from fd2.artifacts.images import DistilledSet, read_distilled
from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.artifacts.records import write_record
from fd2.artifacts.remarks import REMARKS
from fd2.artifacts.soft_labels import SoftLabels, read_soft_labels
from fd2.config.datasets import TESTED_ON
from fd2.config.settings import LEARNED, EvaluateSettings
from fd2.errors import FD2Error
from fd2.runtime.job import Job
from fd2.runtime.state import Snapshot, StageState, stage_state
from fd2.training.direct_training import DirectTraining
from fd2.training.student_training import StudentData, StudentTraining

_CELL = ("dataset", "method", "fd2", "variant", "ipc", "student", "seed")


def evaluate(
    students: Mapping[Path, EvaluateSettings],
    data: Path,
    distilled: Path,
    labels: Path | None,
    job: Job,
) -> None:
    """Train and test students that differ in their seeds one after the other; write a cell each.

    Each ends in the numbers that it has alone. A job that was stopped goes on from its state and
    ends in the same numbers. Labels are a folder of soft labels; None for hard or learned labels.

    Raises:
        FD2Error: if inputs do not belong together, the set lacks what its method was to learn, or
            the loss stops being finite.
        StoppedError: if a signal came; the state is written.
    """
    given = open_students(students.values(), data, distilled, labels, job)
    states = []
    for output, settings in students.items():
        shaped = shaped_by("evaluate", settings, given.manifest, given.inputs)
        with stage_state(job, shaped) as state:
            states.append(state)
            finished = state.part("cell").restore()
            if finished is None:
                finished = Snapshot({}, _cell(settings, given, shaped, state, job))
                state.part("cell").save(finished)
                state.part("training").remove()
            write_record(output, finished.facts)
            if len(states) < len(students):
                state.stop_if_asked()
    for state in states:
        state.remove()


@dataclass(frozen=True)
class GivenToStudents:
    """What students of one set are trained and tested on.

    Attributes:
        data: on the job's device.
        dataset: the prepared real images.
        images: the set, as the students see it.
        soft: stored labels; None for others.
        manifest: digest that all inputs share.
        inputs: files of set and labels by role.
    """

    data: StudentData
    dataset: PreparedDataset
    images: DistilledSet
    soft: SoftLabels | None
    manifest: str
    inputs: dict[str, Path]

    def training(self, settings: EvaluateSettings, device: torch.device) -> StudentTraining:
        """One student's training run, which has not begun."""
        kind = DirectTraining if settings.protocol == "direct" else StudentTraining
        return kind(settings, self.data, device)


def open_students(
    students: Collection[EvaluateSettings],
    data: Path,
    distilled: Path,
    labels: Path | None,
    job: Job,
) -> GivenToStudents:
    """Read what students learn from and are tested on; arguments as in `evaluate`.

    Raises:
        FD2Error: if inputs do not belong together, or the set lacks what its method was to learn.
    """
    dataset = open_prepared(data)
    images = read_distilled(distilled)
    soft = None if labels is None else read_soft_labels(labels)
    inputs = {"distilled": distilled}
    if labels is not None:
        inputs["logits"] = labels / "logits.npy"
        inputs["augmentation"] = labels / "augmentation.safetensors"
    manifest = _require_fitting(dataset, images, soft, data, distilled, labels)
    _require_learned(students, images, distilled)
    if soft is not None and any(settings.protocol == "direct" for settings in students):
        _require_one_each(soft, labels)
    longest = max(settings.epochs for settings in students)
    if soft is not None and longest > soft.epochs:
        raise FD2Error(
            f"{longest} epochs of training, labels for {soft.epochs}",
            str(labels),
            "raise 'relabel.epochs' or lower 'evaluate.epochs'",
        )
    if any(settings.pictures for settings in students):
        images = replace(images, images=images.pictures())
    shared = StudentData(dataset, images, soft, job.device)
    return GivenToStudents(shared, dataset, images, soft, manifest, inputs)


def _cell(
    settings: EvaluateSettings,
    given: GivenToStudents,
    shaped: dict[str, Any],
    state: StageState,
    job: Job,
) -> dict[str, Any]:
    clock, dataset = job.restarted(), given.dataset
    result = given.training(settings, job.device).run(state.part("training"))
    return {
        "cell": {key: value for key, value in asdict(settings).items() if key in _CELL},
        "preset": settings.preset,
        "resolution": dataset.manifest.resolution,
        "channels": dataset.manifest.channels,
        TESTED_ON: dataset.manifest.tested_on,
        REMARKS: dataset.manifest.remarks,
        "bytes": _bytes(settings, given.images, given.soft),
        "moved": given.images.metadata.get("moved"),
        "result": result,
        **record(shaped, clock.facts()),
    }


def _bytes(
    settings: EvaluateSettings, images: DistilledSet, soft: SoftLabels | None
) -> dict[str, int]:
    """Bytes of what the student is given, without the headers of files."""
    if soft is not None:
        labels = soft.nbytes
    elif settings.labels == LEARNED and images.learned_labels is not None:
        labels = images.learned_labels.nbytes
    else:
        labels = images.labels.nbytes
    # In float64.
    rate = 8 if settings.learning_rate == LEARNED else 0
    return {"image_bytes": images.images.nbytes, "label_bytes": labels, "rate_bytes": rate}


def _require_learned(
    students: Iterable[EvaluateSettings], images: DistilledSet, path: Path
) -> None:
    for settings in students:
        for asked, held, what in (
            (settings.labels, images.learned_labels, "labels"),
            (settings.learning_rate, images.learned_rate, "rate"),
        ):
            if asked == LEARNED and held is None:
                raise FD2Error(
                    f"the set holds no learned {what}",
                    str(path),
                    "delete the file and run again; its stage makes it anew. Of an imported set "
                    "whose file of labels has class numbers, set 'evaluate.labels' to hard",
                )


def _require_one_each(soft: SoftLabels, path: Path | None) -> None:
    """Refuse labels that are not one of each image as it is."""
    if len(soft.logits) != 1 or not soft.augmentation.changes_nothing:
        raise FD2Error(
            f"labels of {len(soft.logits)} epochs or of augmented images under protocol 'direct'",
            str(path),
            "set 'relabel.stored_epochs' to 1, 'relabel.crop_scale' and 'cutmix_alpha' to null",
        )


def _require_fitting(
    dataset: PreparedDataset,
    images: DistilledSet,
    soft: SoftLabels | None,
    data: Path,
    distilled: Path,
    labels: Path | None,
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
    return manifest
