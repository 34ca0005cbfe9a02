"""Stage distill: one group of slots of one optimising method, with or without FD²."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from fd2.artifacts.images import SlotImages, moved, write_slots
from fd2.artifacts.provenance import record, shaped_by
from fd2.artifacts.records import write_record
from fd2.augment.codec import encode
from fd2.config.settings import DistillSettings
from fd2.engine.group import Group, initial_patches, open_group
from fd2.engine.optimise import optimise
from fd2.runtime.job import Job
from fd2.runtime.state import Snapshot, StageState, stage_state


def distill(
    settings: DistillSettings,
    manifest_file: Path,
    patches_file: Path,
    teacher_files: Sequence[Path],
    output: Path,
    record_file: Path,
    job: Job,
) -> None:
    """Optimise a group of slots of every class and write them in slot order.

    Every finished slot is kept at once, an unfinished one every so often and on a signal; a job
    that was stopped goes on from there and ends in the same bytes. The record has each slot's
    seconds as ``slot_seconds``.

    Raises:
        FD2Error: if inputs are of different manifests, a regulariser lacks what it needs, or a
            loss is not finite.
        StoppedError: if a signal came; the state is written.
    """
    manifest, patches, group = open_group(
        settings, manifest_file, patches_file, teacher_files, job.device
    )
    inputs = {"patches": patches_file} | {f"teacher{i}": p for i, p in enumerate(teacher_files)}
    shaped = shaped_by("distill", settings, manifest.digest(), inputs)
    with stage_state(job, shaped) as state:
        images, seconds, distances = _finished(settings, group, patches, state, str(patches_file))
        facts = {**shaped, **manifest.statistics, "moved": distances}
        write_slots(output, images, settings.slots, facts)
        write_record(record_file, record(shaped, job.facts(), slot_seconds=seconds))
        state.remove()


def _finished(
    settings: DistillSettings, group: Group, patches: SlotImages, state: StageState, where: str
) -> tuple[Tensor, list[float], list[float]]:
    """uint8 ``[S, C, K, H, W]``: every slot of the group, chunk by chunk of classes.

    With each slot's seconds, those of slots that an earlier run finished being its own, and how far
    it moved.
    """
    chunks = torch.arange(len(group.class_names)).split(settings.class_chunk)
    finished: list[Tensor] = []
    slot_seconds, distances = [], []
    for slot in settings.slots:
        initial = initial_patches(
            patches, slot, settings.initial_patch, group.class_names, group.names, where
        )
        parts = []
        for number, classes in enumerate(chunks):
            name = f"slot{slot}-chunk{number}"
            part = state.part(name).restore()
            if part is None:
                loop = state.part(f"{name}-iterations")
                earlier = [done[classes] for done in finished]
                optimised = optimise(group.slot(slot, classes, initial[classes], earlier), loop)
                images = encode(optimised, group.normaliser, settings.image_codec)
                part = Snapshot({"images": images}, {"seconds": round(loop.seconds(), 3)})
                state.part(name).save(part)
                loop.remove()
                state.stop_if_asked()
            parts.append(part)
        finished.append(torch.cat([part.tensors["images"] for part in parts]))
        distances.append(moved(finished[-1], initial))
        slot_seconds.append(sum(part.facts["seconds"] for part in parts))
    return torch.stack(finished), slot_seconds, distances
