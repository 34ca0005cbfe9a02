"""What a set that others made holds, before there is a config for it, as far as it can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fd2.artifacts.manifests import MANIFEST, read_manifest
from fd2.config.names import SetName
from fd2.config.rows import StudentRow
from fd2.downloads.image_table import COLUMNS, open_table
from fd2.errors import FD2Error
from fd2.imports.source_files import SourceFiles, label_files, source_files
from fd2.imports.tensor_files import TensorSet, read_tensor_set
from fd2.networks.stored_teacher import read_teacher
from fd2.planning.project import Project
from fd2.runtime.device import resolve_device
from fd2.stages.import_set import look


@dataclass(frozen=True)
class Found:
    """A set as it was found.

    Attributes:
        kind: as in `SourceFiles`.
        files: how many.
        ipc: images per class.
        soft: whether there are soft labels.
        rate: whether there is a rate of students.
        epochs: of soft labels in FKD's layout; None without.
        teacher: the backbone that is shown the images.
        seen: percent of the images that the teacher sees as their class; None where the data are
            not prepared, or the teacher is not trained yet.
        proven: whether that is more than luck.
    """

    kind: str
    files: int
    ipc: int
    soft: bool
    rate: bool
    epochs: int | None
    teacher: str
    seen: float | None = None
    proven: bool = False


def look_at(
    project: Project, dataset: str, own: Mapping[str, Any], ipc: int | None, where: str
) -> Found:
    """Find and read a set; where the dataset's teacher is there, it is shown the images.

    Args:
        project: with the dataset.
        dataset: that it is of.
        own: settings of the method ``imported``; the teacher is that of soft labels.
        ipc: images per class, as they were asked for.
        where: the command, for the error.

    Raises:
        FD2Error: as the stage ``import_set``; or if the number of images per class is not known.
    """
    named = ("path", "labels", "rate", "soft_labels")
    if ipc is None and any("{ipc}" in str(own[key]) for key in named):
        raise FD2Error("a path with {ipc}", where, "say which number is there now: --ipc")
    files = source_files(own, ipc or 1)
    tensors = read_tensor_set(files) if files.kind == "tensors" else None
    manifest_file = project.path("results", f"data/{dataset}/{MANIFEST}")
    manifest = read_manifest(manifest_file) if manifest_file.is_file() else None
    classes = None if manifest is None else len(manifest.classes)
    count = ipc or _images_of_a_class(files, tensors, classes, where)
    name = SetName(dataset, "imported", "plain", "base")
    teacher = project.settings.relabel_teachers(name, count)[0]
    found = Found(
        kind=files.kind,
        files=len(files.files()),
        ipc=count,
        soft=tensors is not None and tensors.logits is not None,
        rate=tensors is not None and tensors.rate is not None,
        epochs=None if own["soft_labels"] is None else len(label_files(own, count).epochs),
        teacher=teacher.backbone,
    )
    weights = project.path("results", teacher.path())
    if manifest is None or not weights.is_file():
        return found
    loaded = read_teacher(weights, resolve_device("cpu"))
    seed = int(project.settings.values["distill"]["seed"])
    _, seen = look(own, files, manifest, count, loaded, seed)
    return Found(**{**vars(found), "seen": 100 * seen.top1, "proven": seen.proven})


def usual_student(project: Project, dataset: str) -> str | None:
    """The student of a dataset's first row in the sheets that the config lists; None without."""
    for table in project.settings.values["tables"]:
        for row in project.settings.sheet(table).rows_of(StudentRow):
            if row.dataset == dataset and row.ipc is not None:
                return row.student
    return None


def _images_of_a_class(
    files: SourceFiles, tensors: TensorSet | None, classes: int | None, where: str
) -> int:
    if files.kind == "folders":
        return len(files.images[0])
    if files.kind == "tables":
        return sum(map(_images_of_first_label, files.images[0]))
    assert tensors is not None
    if tensors.labels is not None:
        return int((tensors.labels == tensors.labels[0]).sum())
    if tensors.logits is not None:
        classes = int(tensors.logits.shape[1])
    if classes is None:
        fix = "give --ipc, or name its --labels"
        raise FD2Error("the number of images per class is not known", where, fix)
    return len(tensors.images) // classes


def _images_of_first_label(path: Path) -> int:
    with open_table(path, "label", COLUMNS) as table:
        return sum(label == 0 for _, _, label in table.rows)
