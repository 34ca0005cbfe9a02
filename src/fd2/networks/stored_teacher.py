"""Teachers built from settings, written to a file, and read back without unpickling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from fd2.artifacts.files import damaged
from fd2.artifacts.tensors import read_tensors, write_tensors
from fd2.augment.normalise import Normaliser
from fd2.config.datasets import refuse_whitened
from fd2.config.networks import PHOTOGRAPHS, NetworkInput, require_own_classes
from fd2.config.weights_files import WeightsFile
from fd2.errors import FD2Error
from fd2.networks.cal import CounterfactualAttention
from fd2.networks.formats import on_device
from fd2.networks.initial_weights import build_backbone
from fd2.networks.teacher import Teacher
from fd2.runtime.seeds import seed_from


@dataclass(frozen=True)
class LoadedTeacher:
    """A frozen teacher in evaluation mode, the normalisation of its images, and its metadata."""

    network: Teacher
    normaliser: Normaliser
    metadata: dict[str, Any]


def build_teacher(
    backbone: str,
    num_classes: int,
    attention_maps: int | None,
    *,
    initialisation: str,
    weights_file: WeightsFile | None = None,
    classifier_rows: Sequence[int] | None = None,
    seed: int,
    images: NetworkInput = PHOTOGRAPHS,
    attention_initialisation: str = "kaiming_normal",
) -> Teacher:
    """A teacher with fresh heads, for M attention maps, or with None without attention head.

    The backbone starts as `build_backbone` says, the attention head as
    `CounterfactualAttention` says; all fresh weights come from the seed.
    """
    own_seed = seed_from(seed, "backbone")
    body = build_backbone(
        backbone,
        num_classes,
        initialisation,
        weights_file,
        classifier_rows,
        seed=own_seed,
        images=images,
    )
    if attention_maps is None:
        return Teacher(body)
    head = CounterfactualAttention(
        body.feature_channels,
        attention_maps,
        num_classes,
        seed=seed_from(seed, "cal"),
        initialisation=attention_initialisation,
    )
    return Teacher(body, head)


def write_teacher(path: str | Path, teacher: Teacher, metadata: Mapping[str, Any]) -> None:
    """Write all weights and buffers of a teacher, with or without attention head.

    The metadata need ``backbone``, ``classes`` (C), ``attention_maps`` (M or None), ``mean``,
    ``std`` and the fields of `NetworkInput`, which are enough to build it again.
    """
    write_tensors(path, teacher.state_dict(), metadata)


def read_teacher(
    path: str | Path,
    device: torch.device,
    memory_format: str = "channels_last",
    *,
    normalised: bool = False,
    any_classes: bool = False,
) -> LoadedTeacher:
    """Read a teacher, frozen, onto ``device``; see `on_device` for the memory format.

    A teacher of whitened images, whose ``normaliser`` would not whiten, is read only where the
    caller shows it images that are ``normalised`` as those of its dataset; one that answers with
    other classes than the dataset's only where ``any_classes`` do.

    Raises:
        FD2Error: if the file is missing, damaged, does not fit the network it names, or is one of
            these two.
    """
    tensors, metadata = read_tensors(path)
    if metadata.get("stage") != "pretrain":
        raise FD2Error("not a teacher", str(path), "give a file below results/teachers")
    if not normalised:
        refuse_whitened(metadata, f"teacher {path}")
    if not any_classes:
        require_own_classes(metadata.get("settings", {}), f"teacher {path}")
    teacher = build_teacher(
        metadata["backbone"],
        metadata["classes"],
        metadata["attention_maps"],
        initialisation="scratch",
        seed=0,
        images=NetworkInput.of(metadata),
    )
    try:
        teacher.load_state_dict(tensors)
    except RuntimeError as error:
        raise damaged(path, f"weights do not fit {metadata['backbone']}: {error}") from error
    normaliser = Normaliser(metadata["mean"], metadata["std"])
    placed = on_device(teacher, device, memory_format)
    return LoadedTeacher(placed.freeze(), normaliser, metadata)
