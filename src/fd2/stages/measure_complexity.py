"""Stage measure_complexity: how small a part of its real images a network looks at, by class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from fd2.artifacts.files import write_frame
from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.artifacts.records import write_record
from fd2.artifacts.remarks import REMARKS
from fd2.config.complexity import STAGE, ComplexitySettings
from fd2.diagnostics.complexity import cells_above, class_complexity, class_means
from fd2.diagnostics.easy_and_hard import easy_and_hard, mean_complexity
from fd2.errors import FD2Error
from fd2.networks.activation_maps import small_maps
from fd2.networks.stored_teacher import LoadedTeacher, read_teacher
from fd2.runtime.job import Job
from fd2.runtime.seeds import torch_generator

#: Images that the network sees at once.
BATCH = 64


def measure_complexity(
    settings: ComplexitySettings,
    data: Path,
    network: Path,
    record_file: Path,
    classes_file: Path,
    job: Job,
) -> None:
    """Measure the complexity of each class by activation maps of all its training images.

    A map is of the class that the network predicts, right or wrong, and of the size of its last
    feature map. A network with attention head predicts by its backbone. See
    `fd2.diagnostics.complexity`.

    Args:
        settings: of the stage.
        data: folder of the prepared data.
        network: a teacher of the dataset.
        record_file: JSON with all numbers.
        classes_file: csv of the classes, a line each.
        job: the running job.

    Raises:
        FD2Error: if an input is missing or damaged, manifests differ, or a map is of one cell.
    """
    dataset = open_prepared(data)
    teacher = read_teacher(network, job.device, any_classes=True)
    digests = {str(data): dataset.manifest.digest(), str(network): teacher.metadata["manifest"]}
    shaped = shaped_by(STAGE, settings, same_manifest(digests), {"network": network})
    above, activation, flat, cells = _look(settings, dataset, teacher, job.device)
    labels = dataset.train.labels
    found = class_complexity(above, cells[0] * cells[1], labels, dataset.num_classes)
    active = class_means(activation, labels, dataset.num_classes)[:, 0].tolist()
    counts = {
        name: torch.bincount(of, minlength=dataset.num_classes).tolist()
        for name, of in (("images", labels), ("flat_maps", labels[flat]))
    }
    classes = dataset.manifest.classes
    result = {"map_cells": cells, **_result(settings, found, active, classes, counts)}
    names = ("dataset", "backbone", "training")
    facts = {
        "complexity_of": {name: getattr(settings, name) for name in names},
        "preset": settings.preset,
        REMARKS: dataset.manifest.remarks,
        "result": result,
    }
    write_frame(classes_file, _frame(result))
    write_record(record_file, {**facts, **record(shaped, job.facts())})


def _look(
    settings: ComplexitySettings,
    dataset: PreparedDataset,
    teacher: LoadedTeacher,
    device: torch.device,
) -> tuple[Tensor, Tensor, Tensor, list[int]]:
    """Of each training image, on the CPU, and the size of a map.

    Returns:
        Cells above the thresholds, ``[N, T]``; mean of the map, float64 ``[N, 1]``; whether the map
        is 0 everywhere, ``[N]``, because nothing in the image speaks for the class; height and
        width.
    """
    backbone = teacher.network.backbone
    noise = torch_generator(STAGE, settings.dataset)
    above, activation, flat, cells = [], [], [], [0, 0]
    for ids in torch.arange(len(dataset.train.labels)).split(BATCH):
        images = teacher.normaliser.normalise(dataset.train.batch(ids, device))
        with torch.no_grad():
            predicted = backbone(images).argmax(1)
        maps = small_maps(settings.maps, backbone, images, predicted, noise)
        cells = list(maps.shape[1:])
        if cells == [1, 1]:
            raise FD2Error(
                f"the maps of '{settings.backbone}' have one cell, which tells nothing",
                f"dataset '{settings.dataset}' of {images.shape[-1]} pixels",
                "raise the dataset's 'resolution', or give the network 'stem: cifar'",
            )
        above.append(cells_above(maps, settings.thresholds))
        activation.append(maps.mean((1, 2), dtype=torch.float64)[:, None])
        flat.append(maps.amax((1, 2)) == 0)
    return torch.cat(above).cpu(), torch.cat(activation).cpu(), torch.cat(flat).cpu(), cells


def _result(
    settings: ComplexitySettings,
    found: Tensor,
    active: list[float],
    names: tuple[str, ...],
    counts: Mapping[str, list[int]],
) -> dict[str, Any]:
    """What the record tells, from complexity ``[C, T]``, mean activation and counts ``[C]``."""
    middle = (len(settings.thresholds) - 1) // 2
    of_classes = found.tolist()
    easy, hard = easy_and_hard(of_classes, middle)
    half = dict.fromkeys(easy, "easy") | dict.fromkeys(hard, "hard")
    return {
        **{key: sum(of_each) for key, of_each in counts.items()},
        "activation": sum(active) / len(active),
        "thresholds": list(settings.thresholds),
        "halves_by": settings.thresholds[middle],
        "complexity": mean_complexity(of_classes),
        "easy_complexity": mean_complexity([of_classes[number] for number in easy]),
        "hard_complexity": mean_complexity([of_classes[number] for number in hard]),
        "classes": [
            {
                "name": name,
                **{key: of_each[number] for key, of_each in counts.items()},
                "activation": active[number],
                "complexity": of_classes[number],
                "half": half.get(number, "neither"),
            }
            for number, name in enumerate(names)
        ],
    }


def _frame(result: dict[str, Any]) -> pd.DataFrame:
    """A line a class, with a column for each threshold."""
    keys = [f"complexity_{threshold:g}" for threshold in result["thresholds"]]
    return pd.DataFrame(
        {
            **{key: one[key] for key in ("name", "images")},
            **dict(zip(keys, one["complexity"], strict=True)),
            "half": one["half"],
        }
        for one in result["classes"]
    )
