"""Stage distill: one group of slots of one optimising method, with or without FD²."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from fd2.artifacts.files import file_digest, write_json
from fd2.artifacts.images import SlotImages, read_slots, write_slots
from fd2.artifacts.prepared import read_manifest
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.config.settings import DistillSettings
from fd2.engine.group import GroupPlan, distill_slot
from fd2.engine.initial import initial_patches
from fd2.engine.plan import group_plan
from fd2.engine.slot_state import SlotState
from fd2.networks.stored_teacher import read_teacher
from fd2.runtime.job import Job


def distill(
    settings: DistillSettings,
    manifest_file: Path,
    patches_file: Path,
    teacher_files: Sequence[Path],
    output: Path,
    record_file: Path,
    state_root: Path,
    job: Job,
    *,
    code: Sequence[Path] = (),
) -> None:
    """Optimise a group of slots of every class and write them in slot order.

    A finished slot is kept in ``state_root`` at once; a job that was killed starts again at the
    first unfinished one and ends in the same bytes.

    Args:
        settings: of the stage.
        manifest_file: of the prepared data.
        patches_file: initial images.
        teacher_files: in the order of the method's teachers.
        output: the group's images.
        record_file: provenance with times, and ``slot_seconds``: those of each slot.
        state_root: undeclared folder for finished slots.
        job: device and clock.
        code: source files; slots finished by other code are not taken over.

    Raises:
        FD2Error: if inputs are of different manifests, a regulariser lacks what it needs, or a
            loss is not finite.
    """
    manifest = read_manifest(manifest_file)
    patches = read_slots(patches_file)
    teachers = [read_teacher(path, job.device) for path in teacher_files]
    digest = same_manifest(
        {str(manifest_file): manifest.digest(), str(patches_file): patches.metadata["manifest"]}
        | {str(p): t.metadata["manifest"] for p, t in zip(teacher_files, teachers, strict=True)}
    )
    plan = group_plan(settings, manifest, teachers, job.device)
    inputs = {"patches": patches_file} | {f"teacher{i}": p for i, p in enumerate(teacher_files)}
    shaped = shaped_by("distill", settings, digest, inputs)
    state = SlotState(state_root, {**shaped, "code": [file_digest(path) for path in code]})
    images, seconds = _group(settings, plan, patches, state, str(patches_file))
    statistics = {"mean": list(manifest.mean), "std": list(manifest.std)}
    write_slots(output, images, settings.slots, {**shaped, **statistics})
    write_json(record_file, {**record(shaped, job), "slot_seconds": seconds})
    state.remove()


def _group(
    settings: DistillSettings,
    plan: GroupPlan,
    patches: SlotImages,
    state: SlotState,
    place: str,
) -> tuple[Tensor, list[float]]:
    """uint8 ``[S, C, 3, H, W]``: every slot of the group, chunk by chunk of classes.

    With each slot's seconds; those of slots that an earlier run finished are its own.
    """
    chunks = torch.arange(len(plan.class_names)).split(settings.class_chunk)
    finished: list[Tensor] = []
    slot_seconds = []
    for slot in settings.slots:
        initial = initial_patches(
            patches, slot, settings.initial_patch, plan.class_names, plan.names, place
        )
        parts = []
        for number, classes in enumerate(chunks):
            part = state.load(slot, number)
            if part is None:
                start = time.monotonic()
                earlier = [done[classes] for done in finished]
                images = distill_slot(plan, slot, classes, initial[classes], earlier)
                part = images, round(time.monotonic() - start, 3)
                state.save(slot, number, *part)
            parts.append(part)
        finished.append(torch.cat([images for images, _ in parts]))
        slot_seconds.append(sum(seconds for _, seconds in parts))
    return torch.stack(finished), slot_seconds
