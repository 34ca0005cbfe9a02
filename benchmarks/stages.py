"""Repetitions of the library's other stages on random pixels, with the paper's settings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from fd2.artifacts.images import DistilledSet
from fd2.artifacts.label_format import LabelFormat
from fd2.artifacts.prepared import Manifest, PreparedDataset, Split
from fd2.artifacts.soft_labels import SoftLabels
from fd2.augment.normalise import Normaliser
from fd2.config.names import Cell, SetName, Teacher
from fd2.config.resolve import Configuration
from fd2.config.settings import (
    EvaluateSettings,
    PatchSettings,
    PretrainSettings,
    RelabelSettings,
    build,
)
from fd2.networks.formats import on_device
from fd2.networks.stored_teacher import LoadedTeacher, build_teacher
from fd2.replay.plan import plan_augmentation
from fd2.replay.view import Replay
from fd2.runtime.interruption import Interruption
from fd2.runtime.job import Job
from fd2.runtime.state import NO_STATE, StageState
from fd2.stages.patches import score_crops
from fd2.stages.relabel import _label, set_label_mode
from fd2.training.optimisers import student_optimiser, teacher_optimiser, teacher_schedule
from fd2.training.student_training import StudentData, StudentTraining
from fd2.training.teacher_training import TeacherTraining, _Run

ROOT = Path(__file__).resolve().parents[1]
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
DATASET, BACKBONE = "cub200", "resnet18"
SET = SetName(DATASET, "sre2lpp", "plain", "base")

Repetition = tuple[Callable[[], object], int]


def teacher_training(
    training: str,
    backbone: str,
    ways: Mapping[str, Any],
    classes: int,
    size: int,
    images: int,
    job: Job,
) -> Repetition:
    """One epoch of a teacher; ``training`` is ``plain`` or ``cal``, ``ways`` change settings."""
    values = {**configuration().pretrain(Teacher(DATASET, backbone, training)), **ways}
    settings = build(PretrainSettings, values)
    training = TeacherTraining(settings, random_dataset(classes, size, images), job)
    optimiser = teacher_optimiser(training.teacher, settings)
    run = _Run(optimiser, teacher_schedule(optimiser, settings, images))
    return lambda: training._epoch(0, run, NO_STATE, None), images


def patch_scoring(classes: int, size: int, images: int, job: Job) -> Repetition:
    """Scores the crops of all images; counts crops."""
    settings = build(PatchSettings, configuration().patches(DATASET, "2x2"))
    dataset = random_dataset(classes, size, images)
    members = dataset.class_indices(dataset.train)
    teacher = _teacher(classes, job)
    return (
        lambda: score_crops(dataset, teacher, settings, members, 0, job),
        images * settings.crops_per_image,
    )


def relabelling(classes: int, size: int, images: int, job: Job) -> Repetition:
    """One epoch of soft labels."""
    values = configuration().relabel(SET, 1)
    settings = replace(build(RelabelSettings, values), epochs=1)
    teacher = _teacher(classes, job)
    set_label_mode(teacher.network, settings.teacher_mode, settings.teacher_dropout)
    augmentation = plan_augmentation(
        ("benchmark",),
        images,
        1,
        size,
        batch_size=settings.batch_size,
        crop_scale=settings.crop_scale,
        cutmix_alpha=settings.cutmix_alpha,
    )
    replay = Replay(
        teacher.normaliser.normalise(random_pixels(images, size).to(job.device)), augmentation
    )
    # No snapshot is due for years, so that none is written.
    state = StageState(Path("state"), {}, 1e9, Interruption(), job.device)
    form = LabelFormat(classes)
    return lambda: _label(replay, [teacher], settings, form, images, state, "epochs"), images


def student_training(
    backbone: str,
    ways: Mapping[str, Any],
    classes: int,
    size: int,
    images: int,
    job: Job,
) -> Repetition:
    """One epoch of a student on soft labels, ``ways`` change settings; counts optimiser steps."""
    values = configuration().evaluate(Cell(SET, 1, backbone, seed=0))
    settings = replace(build(EvaluateSettings, {**values, **ways}), epochs=1)
    augmentation = plan_augmentation(
        ("benchmark",),
        images,
        1,
        size,
        batch_size=settings.batch_size,
        crop_scale=settings.crop_scale,
        cutmix_alpha=settings.cutmix_alpha,
    )
    logits = np.random.default_rng(0).standard_normal((1, images, classes)).astype(np.float16)
    distilled = DistilledSet(
        random_pixels(images, size),
        torch.arange(images) % classes,
        1,
        {"mean": list(MEAN), "std": list(STD)},
    )
    labels = SoftLabels(augmentation, logits, LabelFormat(classes), {})
    shared = StudentData(random_dataset(classes, size, images), distilled, labels, job.device)
    training = StudentTraining(settings, shared, job.device)
    optimiser = student_optimiser(training.student, settings.learning_rate, settings.weight_decay)
    steps = len(augmentation.half_sizes) // 2
    return lambda: training._epoch(0, optimiser), steps


def configuration() -> Configuration:
    """``config/config.yaml``, with teachers that train from random weights."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    config["pretrain"]["initialisation"] = "scratch"
    return Configuration(config, "config/config.yaml", ROOT / "config")


def random_pixels(count: int, size: int, channels: int = 3) -> torch.Tensor:
    """The same uint8 ``[count, channels, size, size]`` each time."""
    generator = torch.Generator().manual_seed(0)
    shape = (count, channels, size, size)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def random_dataset(classes: int, size: int, images: int, channels: int = 3) -> PreparedDataset:
    """Random pixels as training and test images, classes in turn."""
    labels = torch.arange(images) % classes
    files = [{"path": str(i), "class": int(c), "sha256": ""} for i, c in enumerate(labels)]
    names = tuple(f"class{c:03d}" for c in range(classes))
    statistics = (MEAN[:channels], STD[:channels])
    manifest = Manifest(DATASET, size, names, {"train": files, "test": files}, *statistics, {})
    drawn = random_pixels(images, size, channels)
    pixels = np.ascontiguousarray(drawn.permute(0, 2, 3, 1).numpy())
    digest = hashlib.sha256(pixels.data).hexdigest()
    split = Split(pixels, labels, Path("random.npy"), digest)
    return PreparedDataset(manifest, split, split)


def _teacher(classes: int, job: Job) -> LoadedTeacher:
    network = build_teacher(BACKBONE, classes, None, initialisation="scratch", seed=0)
    return LoadedTeacher(
        on_device(network, job.device).freeze(), Normaliser(MEAN, STD), {"classes": classes}
    )
