"""Stage measure_distill: time and memory of one distillation iteration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from fd2.artifacts.provenance import record, shaped_by
from fd2.artifacts.records import write_record
from fd2.config.settings import DistillSettings, MeasureSettings
from fd2.engine.group import initial_patches, open_group
from fd2.engine.optimise import optimise
from fd2.methods._interface import Recipe
from fd2.runtime.job import Job
from fd2.runtime.memory import forget_gpu_peak, peak_memory_mb
from fd2.runtime.step_clock import StepClock


def measure_distill(
    settings: DistillSettings,
    measure: MeasureSettings,
    manifest_file: Path,
    patches_file: Path,
    teacher_files: Sequence[Path],
    output: Path,
    job: Job,
) -> None:
    """Time the engine's own iterations for the first chunk of classes, and write what they took.

    The first slot of the group has no earlier ones; the last has all of them, which is where the
    similarity constraint costs most. Where no term looks at earlier slots both are alike and the
    first alone is measured. Initial images stand in for earlier slots.

    Raises:
        FD2Error: if inputs are of different manifests.
    """
    manifest, patches, group = open_group(
        settings, manifest_file, patches_file, teacher_files, job.device
    )
    turns = len(teacher_files) if group.recipe.teachers_in_turn else 1
    timed = -(-measure.iterations // turns) * turns
    phases = [replace(phase, iterations=measure.warm_up + timed) for phase in group.recipe.phases]
    short = replace(group.recipe, phases=tuple(phases))
    classes = torch.arange(len(group.class_names))[: settings.class_chunk]
    slots = {"first": settings.slots[:1]}
    if group.compares_slots and len(settings.slots) > 1:
        slots["last"] = settings.slots
    measured = {}
    for name, upto in slots.items():
        clock = StepClock(job.device)
        forget_gpu_peak(job.device)
        timed_group = replace(group, recipe=short, after_step=clock.mark)
        initial = [
            initial_patches(patches, slot, "by_slot", group.class_names, group.names, "")[classes]
            for slot in upto
        ]
        optimise(timed_group.slot(upto[-1], classes, initial[-1], initial[:-1]))
        measured[name] = {
            "earlier_slots": len(upto) - 1,
            **summary(clock.milliseconds(), group.recipe, measure.warm_up, timed, turns),
            "peak_memory_mb": peak_memory_mb(job.device),
        }
    inputs = {"patches": patches_file} | {f"teacher{i}": p for i, p in enumerate(teacher_files)}
    both = {"distill": asdict(settings), "measure": asdict(measure)}
    names = {key: getattr(settings, key) for key in ("dataset", "method", "fd2", "variant")}
    facts = {"measured": names, "classes": len(classes), "resolution": manifest.resolution}
    shaped = shaped_by("measure_distill", both, manifest.digest(), inputs)
    write_record(output, {**facts, "slots": measured, **record(shaped, job.facts())})


def summary(
    milliseconds: Sequence[float], recipe: Recipe, warm_up: int, timed: int, turns: int
) -> dict[str, object]:
    """Median and quartiles of an iteration's time, over all phases of the full recipe.

    Each phase is summed up by itself: the mean over each turn of the teachers, then median and
    quartiles over turns. The whole weighs the phases by the iterations that the recipe gives them.

    Args:
        milliseconds: of each iteration but the very first, phase after phase, each of ``warm_up``
            and then ``timed`` iterations.
        recipe: the full one.
        warm_up: at least 1.
        timed: a multiple of ``turns``.
        turns: iterations until the same teacher comes again.
    """
    every = torch.tensor([0.0, *milliseconds], dtype=torch.float64)
    by_phase = every.view(len(recipe.phases), warm_up + timed)[:, warm_up:]
    means = by_phase.unflatten(1, (-1, turns)).mean(2)
    at = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    quartiles = torch.quantile(means, at, dim=1).T
    shares = torch.tensor([phase.iterations for phase in recipe.phases], dtype=torch.float64)
    whole = (quartiles * shares[:, None]).sum(0) / shares.sum()
    return {
        "milliseconds": _named(whole),
        "phases": [
            {"size": phase.size, "iterations": phase.iterations, "milliseconds": _named(row)}
            for phase, row in zip(recipe.phases, quartiles, strict=True)
        ],
    }


def _named(quartiles: torch.Tensor) -> dict[str, float]:
    names = ("lower_quartile", "median", "upper_quartile")
    return {name: round(float(value), 4) for name, value in zip(names, quartiles, strict=True)}
