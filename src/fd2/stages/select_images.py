"""Stage select_images: the distilled set of a method that chooses real images or patches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fd2.artifacts.images import read_slots, write_distilled
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.artifacts.records import write_record
from fd2.config import plugins
from fd2.config.settings import WholeSetSettings
from fd2.errors import FD2Error
from fd2.methods._interface import SelectionRequest
from fd2.networks.stored_teacher import read_teacher
from fd2.runtime.job import Job


def select_images(
    settings: WholeSetSettings,
    data: Path,
    patches_file: Path | None,
    teachers: Sequence[Path],
    output: Path,
    record_file: Path,
    job: Job,
) -> None:
    """Let the method choose and write what it chose.

    Patches are None, and teachers none, if it asks for none.

    Raises:
        FD2Error: if a class or the patches hold too few images, or manifests differ.
    """
    dataset = open_prepared(data)
    manifest = dataset.manifest
    patches = None if patches_file is None else read_slots(patches_file)
    digests = {str(data): manifest.digest()}
    if patches is not None:
        digests[str(patches_file)] = patches.metadata["manifest"]
        if len(patches.slots) < settings.images_per_class:
            raise FD2Error(
                f"{settings.images_per_class} images per class are wanted, "
                f"there are {len(patches.slots)} patches",
                str(patches_file),
                "raise 'distill.slots' or ask for fewer images per class",
            )
    loaded = [read_teacher(path, job.device) for path in teachers]
    digests |= {str(p): t.metadata["manifest"] for p, t in zip(teachers, loaded, strict=True)}
    digest = same_manifest(digests)
    request = SelectionRequest(
        dataset=dataset,
        patches=patches,
        teacher=loaded[0] if loaded else None,
        images_per_class=settings.images_per_class,
        seed=settings.seed,
        settings=settings.method_settings,
    )
    selection = plugins.load("methods", settings.method).select(request)
    inputs = {} if patches_file is None else {"patches": patches_file}
    inputs |= {f"teacher{i}": path for i, path in enumerate(teachers)}
    shaped = shaped_by("select_images", settings, digest, inputs)
    write_distilled(output, selection.images, {**shaped, **manifest.statistics})
    told = {"chosen": selection.chosen} if selection.chosen else {}
    write_record(record_file, {**record(shaped, job.facts()), **told})
