"""Stage measure: time and memory of one iteration that moves images, or of a whole selection."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from fd2.artifacts.manifests import MANIFEST, read_manifest
from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.artifacts.provenance import record, shaped_by
from fd2.artifacts.records import write_record
from fd2.config import plugins
from fd2.config.settings import (
    DistillSettings,
    MeasureSettings,
    PatchSettings,
    WholeSetSettings,
)
from fd2.engine.group import initial_patches, open_group
from fd2.engine.optimise import optimise
from fd2.errors import FD2Error
from fd2.matching.matching import match_images
from fd2.methods._interface import Phase
from fd2.networks.stored_teacher import read_teacher
from fd2.runtime.job import Job
from fd2.runtime.memory import forget_gpu_peak, peak_memory_mb
from fd2.runtime.step_clock import StepClock
from fd2.stages.patches import make_patches
from fd2.stages.select_images import select_images
from fd2.trajectories.flat_network import flat_network
from fd2.trajectories.matching import follow_experts
from fd2.trajectories.recipe import TrajectoryRecipe
from fd2.trajectories.stored_expert import invented_weights

_Taken = dict[str, object]
_QUARTILES = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
#: Times that a selection is made and counts.
_SELECTIONS = 3


def measure_optimisation(
    settings: DistillSettings,
    images_per_class: int,
    measure: MeasureSettings,
    manifest_file: Path,
    patches_file: Path,
    teacher_files: Sequence[Path],
    output: Path,
    job: Job,
) -> None:
    """Time the engine's own iterations for the first chunk of classes, and write what they took.

    The first slot has no earlier ones; the last has all of them, which is where the similarity
    constraint costs most. Where no term looks at earlier slots both are alike and the first alone
    is measured. Initial images stand in for earlier slots.

    Args:
        settings: of the first group of a set, whose slots end with it.
        images_per_class: of the set.
        measure: how it is timed.
        manifest_file: of the prepared data.
        patches_file: the initial images.
        teacher_files: in the order of the method's.
        output: the record.
        job: where to compute.

    Raises:
        FD2Error: if inputs are of different manifests.
    """
    manifest, patches, group = open_group(
        settings, manifest_file, patches_file, teacher_files, job.device
    )
    turns = len(teacher_files) if group.recipe.teachers_in_turn else 1
    timed = _whole_turns(measure.iterations, turns)
    phases = [replace(phase, iterations=measure.warm_up + timed) for phase in group.recipe.phases]
    short = replace(group.recipe, phases=tuple(phases))
    classes = torch.arange(len(group.class_names))[: settings.class_chunk]
    slots = {"first": settings.slots[:1]}
    if group.compares_slots and len(settings.slots) > 1:
        slots["last"] = settings.slots
    taken: dict[str, _Taken] = {}
    for name, upto in slots.items():
        clock = StepClock(job.device)
        forget_gpu_peak(job.device)
        timed_group = replace(group, recipe=short, after_step=clock.mark)
        initial = [
            initial_patches(patches, slot, "by_slot", group.class_names, group.names, "")[classes]
            for slot in upto
        ]
        optimise(timed_group.slot(upto[-1], classes, initial[-1], initial[:-1]))
        taken[name] = {
            "earlier_slots": len(upto) - 1,
            **summary(clock.milliseconds(), group.recipe.phases, measure.warm_up, timed, turns),
            "peak_memory_mb": peak_memory_mb(job.device),
        }
    inputs = {"patches": patches_file} | {f"teacher{i}": p for i, p in enumerate(teacher_files)}
    shaping = {"distill": asdict(settings), "measure": asdict(measure)}
    shaped = shaped_by("measure", shaping, manifest.digest(), inputs)
    facts = {"classes": len(classes), "resolution": manifest.resolution, "iterations": taken}
    _write(output, settings, images_per_class, facts, shaped, job)


def measure_matching(
    settings: WholeSetSettings,
    measure: MeasureSettings,
    data: Path,
    teachers: Sequence[Path],
    output: Path,
    job: Job,
) -> None:
    """Time the steps of all images together, and write what they took.

    A turn is all steps in one network: its fresh weights and its training between steps count. The
    students of trajectories follow an expert of invented weights, from real images.

    Raises:
        FD2Error: if the method leaves its images as they start.
    """
    dataset = open_prepared(data)
    manifest, count = dataset.manifest, settings.images_per_class
    recipe = plugins.load("methods", settings.method).recipe(settings.method_settings, count)
    if not recipe.iterations:
        raise FD2Error(
            "no iteration to measure: the images stay as they start",
            f"method '{settings.method}'",
            "give its 'iterations'",
        )
    trajectories = isinstance(recipe, TrajectoryRecipe)
    turns = 1 if trajectories else recipe.outer_loops
    timed = _whole_turns(measure.iterations, turns)
    steps = measure.warm_up + timed
    clock = StepClock(job.device)
    forget_gpu_peak(job.device)
    short = replace(recipe, iterations=-(-steps // turns))
    asked = (dataset, count, settings.seed, job.device)
    if trajectories:
        _follow(replace(short, initial_images="real"), *asked, teachers, clock)
    else:
        match_images(short, *asked, after_step=clock.mark)
    phases = (Phase(manifest.resolution, recipe.iterations * turns),)
    taken: _Taken = {
        **summary(clock.milliseconds()[: steps - 1], phases, measure.warm_up, timed, turns),
        "peak_memory_mb": peak_memory_mb(job.device),
    }
    shaping = {"match": asdict(settings), "measure": asdict(measure)}
    shaped = shaped_by("measure", shaping, manifest.digest(), {})
    facts = {"classes": dataset.num_classes, "resolution": manifest.resolution}
    _write(output, settings, count, {**facts, "iterations": {"first": taken}}, shaped, job)


def measure_selection(
    settings: WholeSetSettings,
    patches: PatchSettings | None,
    data: Path,
    teachers: Sequence[Path],
    output: Path,
    job: Job,
) -> None:
    """Time a whole selection, from the prepared data to its file, and write what it took.

    It is made several times; the first, which loads libraries, does not count. The time is of a
    hundred images, as FocusDD's paper and RDED's have it.

    Args:
        settings: of the set.
        patches: of the crops that are scored for it, as many as its images; None for none.
        data: folder of the prepared data.
        teachers: the patches' scorer, if there are any, and the method's.
        output: the record.
        job: where to compute.

    Raises:
        FD2Error: as stages patches and select_images do.
    """
    manifest, made = read_manifest(data / MANIFEST), []
    with TemporaryDirectory() as folder:
        files = Path(folder, "patches.safetensors"), Path(folder, "set.safetensors")
        for _ in range(1 + _SELECTIONS):
            forget_gpu_peak(job.device)
            before = time.perf_counter()
            crops, seen = None, teachers
            if patches is not None:
                crops, (scorer, *seen) = files[0], teachers
                make_patches(patches, data, scorer, crops, crops.with_suffix(".json"), job)
            own = files[1].with_suffix(".json")
            select_images(settings, data, crops, seen, files[1], own, job)
            made.append(time.perf_counter() - before)
    count = settings.images_per_class
    images = count * len(manifest.classes)
    times = torch.tensor(made[1:], dtype=torch.float64) * 1000 * 100 / images
    taken = {
        "images": images,
        "milliseconds": _named(torch.quantile(times, _QUARTILES)),
        "peak_memory_mb": peak_memory_mb(job.device),
    }
    shaping = {"select": asdict(settings), "patches": patches and asdict(patches)}
    inputs = {f"teacher{i}": path for i, path in enumerate(teachers)}
    shaped = shaped_by("measure", shaping, manifest.digest(), inputs)
    facts = {"classes": len(manifest.classes), "resolution": manifest.resolution}
    _write(output, settings, count, {**facts, "iterations": {"first": taken}}, shaped, job)


def _follow(
    recipe: TrajectoryRecipe,
    dataset: PreparedDataset,
    count: int,
    seed: int,
    device: torch.device,
    teachers: Sequence[Path],
    clock: StepClock,
) -> None:
    network = flat_network(recipe.network, dataset, device)
    experts = [invented_weights(network, recipe.epochs_needed)]
    teacher = (
        read_teacher(teachers[0], device, normalised=True).network.backbone if teachers else None
    )
    asked = (recipe, network, dataset, experts, count, seed, device)
    follow_experts(*asked, after_step=clock.mark, teacher=teacher)


def _whole_turns(iterations: int, turns: int) -> int:
    return -(-iterations // turns) * turns


def _write(
    output: Path,
    settings: DistillSettings | WholeSetSettings,
    images_per_class: int,
    facts: Mapping[str, object],
    shaped: Mapping[str, Any],
    job: Job,
) -> None:
    names = {key: getattr(settings, key) for key in ("dataset", "method", "fd2", "variant")}
    measured = {**names, "ipc": images_per_class}
    facts = {"measured": measured, "preset": settings.preset, **facts}
    write_record(output, {**facts, **record(shaped, job.facts())})


def summary(
    milliseconds: Sequence[float], phases: Sequence[Phase], warm_up: int, timed: int, turns: int
) -> dict[str, object]:
    """Median and quartiles of an iteration's time, over all phases of the full run.

    Each phase is summed up by itself: the mean over each turn, then median and
    quartiles over turns. The whole weighs the phases by the iterations of the full run.

    Args:
        milliseconds: of each iteration but the very first, phase after phase, each of ``warm_up``
            and then ``timed`` iterations.
        phases: of the full run.
        warm_up: at least 1.
        timed: a multiple of ``turns``.
        turns: iterations until the same work comes again: the next of the same teacher, or the
            first in another network.
    """
    every = torch.tensor([0.0, *milliseconds], dtype=torch.float64)
    by_phase = every.view(len(phases), warm_up + timed)[:, warm_up:]
    means = by_phase.unflatten(1, (-1, turns)).mean(2)
    quartiles = torch.quantile(means, _QUARTILES, dim=1).T
    shares = torch.tensor([phase.iterations for phase in phases], dtype=torch.float64)
    whole = (quartiles * shares[:, None]).sum(0) / shares.sum()
    return {
        "milliseconds": _named(whole),
        "phases": [
            {"size": phase.size, "iterations": phase.iterations, "milliseconds": _named(row)}
            for phase, row in zip(phases, quartiles, strict=True)
        ],
    }


def _named(quartiles: torch.Tensor) -> dict[str, float]:
    names = ("lower_quartile", "median", "upper_quartile")
    return {name: round(float(value), 4) for name, value in zip(names, quartiles, strict=True)}
