"""Stage import_set: a set that others made as a distilled set here, if its classes are in order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fd2.artifacts.images import write_distilled
from fd2.artifacts.manifests import Manifest
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.artifacts.records import write_record
from fd2.config.settings import WholeSetSettings
from fd2.imports.class_order import Agreement, agreement, answers, require_order
from fd2.imports.foreign_set import ForeignSet, read_foreign_set
from fd2.imports.source_files import SourceFiles, source_files
from fd2.networks.stored_teacher import LoadedTeacher, read_teacher
from fd2.runtime.job import Job

_BATCH = 256


def import_set(
    settings: WholeSetSettings,
    data: Path,
    teacher_file: Path,
    output: Path,
    record_file: Path,
    job: Job,
) -> None:
    """Read the set, let the teacher look at it, and write it.

    Raises:
        FD2Error: as `read_foreign_set` and `require_order`; or if manifests differ.
    """
    manifest = open_prepared(data).manifest
    own, count = settings.method_settings, settings.images_per_class
    files = source_files(own, count)
    # Before the files are read, so that a change meanwhile shows as one.
    listing, digest = files.listing(), files.digest()
    teacher = read_teacher(teacher_file, job.device)
    digests = {str(data): manifest.digest(), str(teacher_file): teacher.metadata["manifest"]}
    shaped = shaped_by("import_set", settings, same_manifest(digests), {"teacher0": teacher_file})
    shaped["source"] = {"files": len(files.files()), "sha256": digest}
    foreign, seen = look(own, files, manifest, count, teacher, settings.seed)
    write_distilled(
        output,
        foreign.images,
        {**shaped, **manifest.statistics},
        learned_labels=foreign.logits,
        learned_rate=foreign.rate,
    )
    result = {
        "teacher_top1": 100 * seen.top1,
        "teacher_top1_by_luck": 100 * seen.expected,
        "teacher_top1_of_class": [100 * share for share in seen.of_class],
        "order_proven": seen.proven,
        **foreign.facts,
    }
    write_record(record_file, {**record(shaped, job.facts()), "listing": listing, "result": result})


def look(
    own: Mapping[str, Any],
    files: SourceFiles,
    manifest: Manifest,
    count: int,
    teacher: LoadedTeacher,
    seed: int,
) -> tuple[ForeignSet, Agreement]:
    """Read a set and show it to the teacher; what it sees is printed.

    Args:
        own: settings of the method ``imported``.
        files: of the set.
        manifest: of the dataset.
        count: images per class.
        teacher: of the dataset.
        seed: of the draws that other orders are judged by.

    Raises:
        FD2Error: as `read_foreign_set`; for another order of the classes, unless it is trusted.
    """
    foreign = read_foreign_set(own, files, manifest, count)
    classes = len(manifest.classes)
    images = foreign.images.transpose(0, 1).flatten(0, 1)
    labels = torch.arange(classes).repeat_interleave(count)
    seen = agreement(_seen(teacher, images), labels, classes, seed)
    told = "more than luck" if seen.proven else "this does not prove the order of the classes"
    print(
        f"the teacher sees {100 * seen.top1:.1f} % of the images as their class "
        f"(luck: {100 * seen.expected:.1f} %): {told}",
        flush=True,
    )
    if not own["trusted"]:
        require_order(seen, foreign.ids, manifest.classes, str(files.root))
    return foreign, seen


@torch.no_grad()
def _seen(teacher: LoadedTeacher, images: Tensor) -> Tensor:
    """The class that the teacher sees in each image, int64 ``[N]`` on the CPU."""
    device = next(teacher.network.parameters()).device
    return torch.cat(
        [
            answers(
                teacher.network(teacher.normaliser.normalise(batch.to(device))).backbone_logits
            ).cpu()
            for batch in images.split(_BATCH)
        ]
    )
