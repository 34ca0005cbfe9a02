"""Stage learn_continually: accuracy over steps in which the classes of a dataset arrive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fd2.artifacts.label_format import LabelFormat
from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.artifacts.provenance import record, shaped_by
from fd2.artifacts.records import write_record
from fd2.artifacts.remarks import REMARKS
from fd2.artifacts.soft_labels import SoftLabels
from fd2.config.continual import STAGE, ContinualSettings, ContinualTeacherSettings
from fd2.config.datasets import TESTED_ON
from fd2.runtime.job import Job
from fd2.runtime.state import LoopState, Snapshot, StageState, stage_state
from fd2.stages.evaluate import GivenToStudents, open_students
from fd2.stages.relabel import labelling_teachers, make_labels
from fd2.training.class_steps import classes_seen
from fd2.training.class_subset import dataset_of_classes, images_of_classes
from fd2.training.student_training import StudentData
from fd2.training.teacher_training import TeacherTraining

#: From the number of a step, the ids of the classes seen, and the state, to the step's accuracy.
Step = Callable[[int, Sequence[int], StageState], dict[str, Any]]


def learn_continually(
    settings: ContinualSettings,
    data: Path,
    distilled: Path,
    teachers: Sequence[Path],
    output: Path,
    job: Job,
) -> None:
    """At each step train a student from scratch on the set's images of all classes seen so far.

    It has as many outputs as classes were seen and is tested on the test images of these. Soft
    labels are made at each step, because an image that is stored mixed with one of a class that is
    yet to come would show it: augmentation is drawn over the images that are there, and of the
    teachers' logits, which know all classes, those of the classes seen remain. Likewise of learned
    labels. After the last step the student is that of stage evaluate, to the bit.

    Args:
        settings: of the stage.
        data: folder of the prepared data.
        distilled: the set, of all classes.
        teachers: that label; none without soft labels.
        output: the record.
        job: the running job; it goes on from its state, and ends in the same numbers.

    Raises:
        FD2Error: as stages relabel and evaluate do, and if the classes cannot arrive in so many
            steps.
        StoppedError: if a signal came; the state is written.
    """
    student = settings.evaluate
    given = open_students([student], data, distilled, None, job)
    labelling = settings.relabel
    loaded = []
    if labelling is not None:
        digests = {str(distilled): given.manifest}
        loaded = labelling_teachers(labelling, teachers, digests, job.device)
        # No more than are trained.
        labelling = replace(labelling, epochs=student.epochs)

    def soft(number: int, seen: Sequence[int], state: StageState) -> SoftLabels | None:
        if labelling is None:
            return None
        images = images_of_classes(given.images, seen)
        form = LabelFormat(given.dataset.num_classes)
        made = make_labels(labelling, images, loaded, form, state, f"{_prefix(number)}labels")
        logits = np.ascontiguousarray(made[1][..., list(seen)])
        return SoftLabels(made[0], logits, LabelFormat(len(seen)), {})

    def step(number: int, seen: Sequence[int], state: StageState) -> dict[str, Any]:
        own = _given_of_classes(given, seen, soft(number, seen, state), job)
        result = own.training(student, job.device).run(_part(number, state))
        return {**result["curve"][-1], "correct": result["correct"]}

    inputs = given.inputs | {f"teacher{i}": path for i, path in enumerate(teachers)}
    shaped = shaped_by(STAGE, settings, given.manifest, inputs)
    cell = ("dataset", "method", "fd2", "variant", "ipc", "student", "seed")
    identity = {key: getattr(student, key) for key in cell} | {"steps": settings.steps}
    _learn(step, identity, student.preset, given.dataset, shaped, output, job)


def learn_continually_real(
    settings: ContinualTeacherSettings, data: Path, output: Path, job: Job
) -> None:
    """As `learn_continually`, of teachers on all real training images of the classes seen.

    Accuracies are those of the backbone's head.
    """
    dataset, teacher = open_prepared(data), settings.pretrain

    def step(number: int, seen: Sequence[int], state: StageState) -> dict[str, Any]:
        training = TeacherTraining(teacher, dataset_of_classes(dataset, seen), job)
        result = training.run(_part(number, state))
        last = {key: result["curve"][-1][key] for key in ("epoch", "loss")}
        return {**last, **result["chosen"]["backbone"]}

    shaped = shaped_by(f"{STAGE}_real", settings, dataset.manifest.digest(), {})
    names = ("dataset", "backbone", "training", "seed")
    identity = {key: getattr(teacher, key) for key in names} | {"steps": settings.steps}
    _learn(step, identity, teacher.preset, dataset, shaped, output, job)


def _prefix(number: int) -> str:
    """Begins the names of all parts of the state that are of no use after a step."""
    return f"step{number}-"


def _part(number: int, state: StageState) -> LoopState:
    return state.part(f"{_prefix(number)}training")


def _given_of_classes(
    given: GivenToStudents, seen: Sequence[int], soft: SoftLabels | None, job: Job
) -> GivenToStudents:
    dataset = dataset_of_classes(given.dataset, seen)
    images = images_of_classes(given.images, seen)
    data = StudentData(dataset, images, soft, job.device)
    return replace(given, data=data, dataset=dataset, images=images, soft=soft)


def _learn(
    step: Step,
    identity: Mapping[str, Any],
    preset: str,
    dataset: PreparedDataset,
    shaped: Mapping[str, Any],
    output: Path,
    job: Job,
) -> None:
    """Go through all steps, those that the state has not, and write the record."""
    manifest = dataset.manifest
    steps, seed = identity["steps"], identity["seed"]
    seen_by = classes_seen(identity["dataset"], dataset.num_classes, steps, seed)
    results, known = [], set[int]()
    with stage_state(job, shaped) as state:
        for number, seen in enumerate(seen_by):
            print(f"step {number + 1} of {steps}: {len(seen)} classes", flush=True)
            finished = state.part(f"step{number}")
            snapshot = finished.restore()
            if snapshot is None:
                snapshot = Snapshot({}, step(number, seen, state))
                finished.save(snapshot)
            # Labels of a step may take gigabytes.
            state.remove_parts(_prefix(number))
            new = [manifest.classes[one] for one in seen if one not in known]
            known.update(seen)
            results.append({"seen": len(seen), "new_classes": new, **snapshot.facts})
            if number + 1 < steps:
                state.stop_if_asked()
        content = {
            "continual": dict(identity),
            "preset": preset,
            "resolution": manifest.resolution,
            "channels": manifest.channels,
            TESTED_ON: manifest.tested_on,
            REMARKS: manifest.remarks,
            "result": {"steps": results},
        }
        write_record(output, {**content, **record(shaped, job.facts())})
        state.remove()
