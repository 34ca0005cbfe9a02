"""Bytes that a job writes, as the shapes of its arrays and tensors say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from fd2.config import plugins
from fd2.config.networks import NetworkInput
from fd2.config.students import learned_by
from fd2.planning.datasets import DatasetSize
from fd2.planning.jobs import RuleJob
from fd2.planning.network_sizes import feature_channels, teacher_bytes
from fd2.planning.project import Project
from fd2.planning.stage_settings import settings_of
from fd2.planning.workloads import AUGMENTATION_BYTES, stored_labels, trajectory_bytes

#: NumPy's header of an array with up to four axes.
NPY_HEADER = 128
_INT64 = 8
_FLOAT, _FLOAT64 = 4, 8
LOGITS = "logits.npy"
AUGMENTATION = "augmentation.safetensors"


def output_bytes(project: Project, job: RuleJob, size: DatasetSize | None) -> dict[str, int | None]:
    """Bytes of each output file.

    An ``.npy`` file is told to the byte. A ``.safetensors`` file is its tensors, without the header
    of a few kilobytes that names them. What a download unpacks to is not known; its archives' size
    is given, which is a lower bound.

    Args:
        project: the workflow.
        job: any job.
        size: of the job's dataset, where it has one and it is known.

    Returns:
        By output path; None for records, tables, pictures and archives, whose size depends on
        their content, and where the dataset's size is not known.
    """
    known: Mapping[str, int] = {}
    if job.rule == "download":
        known = {"downloaded.json": archive_bytes(PurePath(job.name).name)}
    elif size is not None:
        values = settings_of(project.settings, job)
        known = _by_file(job, values, size) if values is not None else {}
    return {path: known.get(_kind(path)) for path in job.outputs}


def _kind(path: str) -> str:
    """What tells a job's files apart: the suffix, or the name in a folder of one job."""
    name = PurePath(path)
    alone = name.suffix in (".npy", ".json") or name.name == AUGMENTATION
    return name.name if alone else name.suffix


def _by_file(job: RuleJob, values: Mapping[str, Any], size: DatasetSize) -> dict[str, int]:
    images = size.train if job.ipc is None else job.ipc * size.classes
    if job.rule == "prepare":
        return {
            "train.npy": NPY_HEADER + size.train * size.image_bytes,
            "test.npy": NPY_HEADER + size.test * size.image_bytes,
            "train_labels.npy": NPY_HEADER + size.train * _INT64,
            "test_labels.npy": NPY_HEADER + size.test * _INT64,
        }
    if job.rule == "pretrain":
        maps = values["cal"]["attention_maps"] if values["cal"] else None
        pixels = {"channels": size.channels, "resolution": size.resolution}
        seen = NetworkInput.of({**values, **pixels})
        return {".safetensors": teacher_bytes(values["backbone"], size.classes, maps, seen)}
    if job.rule == "train_expert":
        return {".safetensors": trajectory_bytes(values, size)}
    if job.rule == "patches":
        # Of each crop its image, its box and its loss.
        crops = values["tiles"] ** 2 * (_INT64 + 5 * _FLOAT)
        return {".safetensors": values["slots"] * size.classes * (size.image_bytes + crops)}
    if job.rule == "distill":
        return {".safetensors": len(values["slots"]) * size.classes * size.image_bytes}
    if job.rule in ("assemble", "select_images"):
        return {".safetensors": images * (size.image_bytes + _INT64)}
    # Pictures of an import take a quarter of that.
    if job.rule in ("match", "match_trajectories", "import_set"):
        learns = learned_by(values["method"], values["method_settings"])
        # Logits of all classes in float32, and one rate in float64.
        labels = _INT64 + (size.classes * _FLOAT if "labels" in learns else 0)
        rate = _FLOAT64 if "rate" in learns else 0
        return {".safetensors": images * (size.image_bytes * _FLOAT + labels) + rate}
    if job.rule in ("relabel", "import_labels"):
        epochs, form = stored_labels(values, size.classes)
        # Batches of others are known when they are read; a few hundred bytes.
        halves = 2 * -(-images // values["batch_size"]) if job.rule == "relabel" else 0
        return {
            LOGITS: form.file_bytes(epochs, images),
            AUGMENTATION: epochs * images * AUGMENTATION_BYTES + halves * _INT64,
        }
    if job.rule in ("diagnose", "diagnose_real"):
        row = feature_channels(values["backbone"]) * _FLOAT + 2 * _INT64
        # And each class's nearest other centre: its distance and its class.
        return {".safetensors": images * row + size.classes * 2 * _INT64}
    return {}


def archive_bytes(kind: str) -> int:
    """Bytes of the archives of a dataset kind, as far as their sizes are known."""
    return sum(max(archive.sizes, default=0) for archive in plugins.load("datasets", kind).ARCHIVES)
