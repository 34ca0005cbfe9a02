"""Stage match: the set of a method that makes all images of a class together, without a teacher."""

from __future__ import annotations

from pathlib import Path

from fd2.artifacts.images import moved, write_distilled
from fd2.artifacts.prepared import open_prepared
from fd2.artifacts.provenance import record, shaped_by
from fd2.artifacts.records import write_record
from fd2.config import plugins
from fd2.config.settings import WholeSetSettings
from fd2.matching.matching import match_images
from fd2.runtime.job import Job
from fd2.runtime.state import stage_state


def match(
    settings: WholeSetSettings, data: Path, output: Path, record_file: Path, job: Job
) -> None:
    """Make the images and write them in float32: their pixels leave the range of a picture.

    A job that was stopped goes on from its state and ends in the same bytes.

    Raises:
        FD2Error: if a class has too few images to start from, or the loss stops being finite.
        StoppedError: if a signal came; the state is written.
    """
    dataset = open_prepared(data)
    manifest, count = dataset.manifest, settings.images_per_class
    recipe = plugins.load("methods", settings.method).recipe(settings.method_settings, count)
    shaped = shaped_by("match", settings, manifest.digest(), {})
    with stage_state(job, shaped) as state:
        images, start = match_images(
            recipe, dataset, count, settings.seed, job.device, state.part("matching")
        )
        facts = {**shaped, **manifest.statistics, "moved": moved(images, start)}
        write_distilled(output, images, facts)
        write_record(record_file, record(shaped, job.facts()))
        state.remove()
