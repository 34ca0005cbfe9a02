"""Stage diagnose: how a network sees a distilled set, or the real training images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from fd2.artifacts.images import read_distilled
from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.artifacts.records import write_record
from fd2.artifacts.remarks import REMARKS
from fd2.artifacts.tensors import write_tensors
from fd2.config.settings import DiagnoseSettings
from fd2.diagnostics.attention_spread import attention_spread
from fd2.diagnostics.class_structure import class_structure
from fd2.networks.stored_teacher import read_teacher
from fd2.networks.teacher import Teacher
from fd2.runtime.job import Job
from fd2.runtime.seeds import torch_generator

_BATCH = 128
_IDENTITY = ("dataset", "method", "fd2", "variant", "ipc", "backbone", "training")


def diagnose(
    settings: DiagnoseSettings,
    data: Path,
    distilled: Path | None,
    network: Path,
    output: Path,
    record_file: Path,
    job: Job,
) -> None:
    """Measure a set in a network's feature space and by the network's attention.

    The set is a distilled one; None stands for all training images, whose groups are drawn at
    random. The network is a teacher, which need not have taken part in distillation.

    The output has the tensors ``features`` float32 ``[N, D]``, ``labels`` and ``ids`` int64 ``[N]``
    (the image's position in its set or in the training split), ``nearest_distances`` float64 and
    ``nearest_classes`` int64 ``[C]``.

    Raises:
        FD2Error: if an input is missing or damaged, or manifests differ.
    """
    dataset = open_prepared(data)
    teacher = read_teacher(network, job.device)
    digests = {str(data): dataset.manifest.digest(), str(network): teacher.metadata["manifest"]}
    inputs = {"network": network}
    if distilled is None:
        ids, labels = _training_rows(dataset, settings.dataset)
        batches = (dataset.train.batch(chunk, job.device) for chunk in ids.split(_BATCH))
    else:
        images = read_distilled(distilled)
        digests[str(distilled)] = images.metadata["manifest"]
        inputs["distilled"] = distilled
        ids, labels = torch.arange(len(images.labels)), images.labels
        batches = (chunk.to(job.device) for chunk in images.images.split(_BATCH))
    shaped = shaped_by("diagnose", settings, same_manifest(digests), inputs)
    features, attention = _observe(teacher.network, map(teacher.normaliser.normalise, batches))
    structure = class_structure(features, labels.to(job.device), dataset.num_classes)
    spread = attention_spread(attention, labels, settings.group_size)
    tensors = {
        "features": features,
        "labels": labels,
        "ids": ids,
        "nearest_distances": structure.nearest_distances,
        "nearest_classes": structure.nearest_classes,
    }
    write_tensors(output, tensors, shaped)
    result = {
        "images": len(labels),
        "classes": dataset.num_classes,
        "intra_class_variance": structure.intra_class_variance,
        "centre_distance": structure.centre_distance,
        "nearest_centre_distance": structure.nearest_centre_distance,
        "margin": structure.margin,
        "attention": "channel_mean" if teacher.network.cal is None else "cal",
        "attention_cells": list(attention.shape[2:]),
        **asdict(spread),
    }
    identity = {key: getattr(settings, key) for key in _IDENTITY}
    facts = {
        "diagnosis": identity,
        "preset": settings.preset,
        REMARKS: dataset.manifest.remarks,
        "result": result,
    }
    write_record(record_file, {**facts, **record(shaped, job.facts())})


@torch.no_grad()
def _observe(teacher: Teacher, batches: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Pooled features ``[N, D]`` and attention ``[N, M, h, w]`` on the teacher's device.

    Features are GAP(F), what the backbone's classifier sees (FD² eq. 7). Attention is A of a
    teacher with attention head (eq. 3). A plain one has none; its channel-mean activation map
    stands in, with M = 1, which does not compare with the maps of an attention head.
    """
    features, attention = [], []
    for images in batches:
        output = teacher(images)
        features.append(output.features.float().mean(dim=(2, 3)))
        maps = output.features.mean(dim=1, keepdim=True)
        attention.append((maps if output.attention is None else output.attention).float())
    return torch.cat(features), torch.cat(attention)


def _training_rows(dataset: PreparedDataset, name: str) -> tuple[Tensor, Tensor]:
    """Positions of all training images and their labels, in an order drawn from the name alone.

    Neighbours in a file list may show one object, and would look more alike than a class does.
    """
    count = len(dataset.train.labels)
    ids = torch.randperm(count, generator=torch_generator("diagnose", name))
    return ids, dataset.train.labels[ids]
