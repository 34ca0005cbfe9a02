"""From a job's name to the settings of its stage, as the rules give them."""

from __future__ import annotations

from typing import Any

from fd2.config.names import Cell, SetName, Teacher
from fd2.config.resolve import Configuration
from fd2.planning.jobs import Job


def dataset_of(job: Job) -> str | None:
    """The dataset whose size a job's outputs depend on; None where there is none."""
    return None if job.rule == "measure_distill" else job.fields.get("dataset")


def settings_of(settings: Configuration, job: Job) -> dict[str, Any] | None:
    """Settings of the job's stage; None for rules that are no stage with settings."""
    fields, ipc = job.fields, set_size(job)
    match job.rule:
        case "prepare":
            return settings.prepare(fields["dataset"])
        case "pretrain":
            return settings.pretrain(Teacher.parse(fields))
        case "patches":
            return settings.patches(fields["dataset"], fields["kind"])
        case "distill":
            return settings.distill(SetName.parse(fields), int(fields["group"]))
        case "assemble":
            return {"images_per_class": images_per_class(job)}
        case "select_images":
            return settings.select_images(SetName.parse(fields), images_per_class(job))
        case "relabel":
            return settings.relabel(SetName.parse(fields), images_per_class(job))
        case "evaluate":
            return settings.evaluate(Cell.parse(fields))
        case "diagnose" | "diagnose_real":
            return settings.diagnose(SetName.parse(fields), ipc, Teacher.parse(fields))
    return None


def teachers_of(settings: Configuration, job: Job) -> list[Teacher]:
    """The teachers that a job looks through, in their order."""
    match job.rule:
        case "patches":
            dataset = job.fields["dataset"]
            scorer = settings.patches(dataset, job.fields["kind"])["scorer"]
            return [Teacher(dataset, scorer, "plain")]
        case "distill":
            return settings.distill_teachers(SetName.parse(job.fields))
        case "relabel":
            return settings.relabel_teachers(SetName.parse(job.fields), images_per_class(job))
    return []


def label_teachers(settings: Configuration, job: Job) -> tuple[str, ...]:
    """Backbones of the teachers behind a job ``relabel``; none for other rules."""
    teachers = teachers_of(settings, job) if job.rule == "relabel" else []
    return tuple(teacher.backbone for teacher in teachers)


def images_per_class(job: Job) -> int:
    """N of a job on a distilled set."""
    return int(job.fields["ipc"])


def set_size(job: Job) -> int | None:
    """N of a job on a distilled set; None for jobs on other data."""
    return images_per_class(job) if "ipc" in job.fields else None
