"""From a job's name to the settings of its stage, as the rules give them."""

from __future__ import annotations

from typing import Any

from fd2.config.names import FULL_DATA, Cell, SetName, Teacher
from fd2.config.resolve import Configuration
from fd2.planning.jobs import Job

#: Rules whose jobs' names begin with a dataset.
WITH_DATASET = (
    *("prepare", "pretrain", "patches", "distill", "assemble", "select_images"),
    *("relabel", "evaluate", "diagnose", "diagnose_real", "preview", "export"),
)
_ON_A_SET = ("assemble", "select_images", "relabel", "evaluate", "diagnose")


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
        return settings.pretrain(Teacher(*parts[:3]))
    if job.rule == "patches":
        return settings.patches(parts[0], parts[1])
    if job.rule == "distill":
        return settings.distill(set_of(job), number_of(parts[4]))
    if job.rule == "assemble":
        return {"images_per_class": images_per_class(job)}
    if job.rule == "select_images":
        return settings.select_images(set_of(job), images_per_class(job))
    if job.rule == "relabel":
        return settings.relabel(set_of(job), images_per_class(job))
    if job.rule == "evaluate":
        seed = number_of(parts[6])
        return settings.evaluate(Cell(set_of(job), images_per_class(job), parts[5], seed))
    if job.rule in ("diagnose", "diagnose_real"):
        return _diagnose(settings, job)
    return None


def _diagnose(settings: Configuration, job: Job) -> dict[str, Any]:
    network = Teacher(job.parts[0], job.parts[-2], job.parts[-1])
    count = set_size(job)
    if count is None:
        set_name = SetName(job.parts[0], FULL_DATA, "plain", "base")
        return settings.diagnose(set_name, None, network)
    return settings.diagnose(set_of(job), count, network)


def set_of(job: Job) -> SetName:
    """The distilled set that a job works on."""
    return SetName(*job.parts[:4])


def label_teachers(settings: Configuration, job: Job) -> tuple[str, ...]:
    """Backbones of the teachers behind a job ``relabel``; none for other rules."""
    if job.rule != "relabel":
        return ()
    return tuple(
        teacher.backbone
        for teacher in settings.relabel_teachers(set_of(job), images_per_class(job))
    )


def images_per_class(job: Job) -> int:
    """N of a job on a distilled set."""
    return number_of(job.parts[4])


def set_size(job: Job) -> int | None:
    """N of a job on a distilled set; None for jobs on other data."""
    on_a_set = job.rule in _ON_A_SET and job.parts[1] != FULL_DATA
    return images_per_class(job) if on_a_set else None
