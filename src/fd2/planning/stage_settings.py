"""From a job's name to the settings of its stage, as the rules give them."""

from __future__ import annotations

from typing import Any

from fd2.config.resolve import Configuration
from fd2.planning.jobs import Job

#: Folders of a job's name whose first part is the dataset.
WITH_DATASET = ("prepare", "pretrain", "patches", "distill", "assemble", "select_images")
WITH_DATASET += ("relabel", "evaluate", "preview", "export")


def dataset_of(job: Job) -> str | None:
    """The dataset that a job works on; None for tables, figures and downloads."""
    return job.parts[0] if job.rule in WITH_DATASET else None


def number_of(part: str) -> int:
    """The number in ``ipc5``, ``group0`` or ``seed3``."""
    return int(part.lstrip("abcdefghijklmnopqrstuvwxyz"))


def settings_of(settings: Configuration, job: Job) -> dict[str, Any] | None:
    """Settings of the job's stage; None for rules that are no stage with settings.

    Args:
        settings: the config.
        job: any job.
    """
    parts = job.parts
    if job.rule == "prepare":
        return settings.prepare(parts[0])
    if job.rule == "pretrain":
        return settings.pretrain(*parts)
    if job.rule == "patches":
        return settings.patches(*parts)
    if job.rule == "distill":
        return settings.distill(*parts[:4], number_of(parts[4]))
    if job.rule == "assemble":
        return {"images_per_class": number_of(parts[4])}
    if job.rule == "select_images":
        return settings.select_images(*parts[:4], number_of(parts[4]))
    if job.rule == "relabel":
        return settings.relabel(*parts[:4], number_of(parts[4]))
    if job.rule == "evaluate":
        return settings.evaluate(*parts[:4], number_of(parts[4]), parts[5], number_of(parts[6]))
    return None


def label_teachers(settings: Configuration, job: Job) -> tuple[str, ...]:
    """Backbones of the teachers behind a job ``relabel``; none for other rules."""
    if job.rule != "relabel":
        return ()
    parts = job.parts
    return tuple(settings.relabel_teachers(*parts[:4], number_of(parts[4])))


def images_per_class(job: Job) -> int:
    """N of a job ``relabel``, ``evaluate``, ``assemble`` or ``select_images``."""
    return number_of(job.parts[4])
