"""Stage assemble: the first n slots of an optimising method's groups as one distilled set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from fd2.artifacts.images import read_slots, write_distilled
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.artifacts.records import write_record
from fd2.errors import FD2Error
from fd2.runtime.job import Job


def assemble(
    images_per_class: int, groups: Sequence[Path], output: Path, record_file: Path, job: Job
) -> None:
    """Write the distilled set of the first slots, from the group files in their order.

    IPC n is a prefix of IPC m > n, because slots never change.

    Raises:
        FD2Error: if manifests differ or the groups hold fewer slots.
    """
    loaded = [read_slots(path) for path in groups]
    manifest = same_manifest(
        {str(p): g.metadata["manifest"] for p, g in zip(groups, loaded, strict=True)}
    )
    slots = [slot for group in loaded for slot in group.slots]
    if slots[:images_per_class] != list(range(images_per_class)):
        raise FD2Error(
            f"{images_per_class} images per class are wanted, the groups hold slots {slots}",
            ", ".join(str(path) for path in groups),
            "raise 'distill.slots' or ask for fewer images per class",
        )
    images = torch.cat([group.images for group in loaded])[:images_per_class]
    inputs = {f"group{i}": path for i, path in enumerate(groups)}
    settings = {"images_per_class": images_per_class}
    shaped = shaped_by("assemble", settings, manifest, inputs)
    statistics = {key: loaded[0].metadata[key] for key in ("mean", "std")}
    distances = [distance for group in loaded for distance in group.metadata["moved"]]
    statistics["moved"] = sum(distances[:images_per_class]) / images_per_class
    write_distilled(output, images, {**shaped, **statistics})
    write_record(record_file, record(shaped, job.facts()))
