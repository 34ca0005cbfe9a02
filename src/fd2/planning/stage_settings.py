"""From a job's name to the settings of its stage, as the rules give them."""

from __future__ import annotations

from typing import Any

from fd2.config.names import Cell, SetName, Teacher
from fd2.config.resolve import Configuration
from fd2.planning.jobs import RuleJob


def settings_of(settings: Configuration, job: RuleJob) -> dict[str, Any] | None:
    """Settings of the job's stage; None for rules that are no stage with settings."""
    fields = job.fields
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
            return {"images_per_class": int(fields["ipc"])}
        case "select_images":
            return settings.select_images(SetName.parse(fields), int(fields["ipc"]))
        case "relabel":
            return settings.relabel(SetName.parse(fields), int(fields["ipc"]))
        case "evaluate":
            return settings.evaluate(Cell.parse(fields))
        case "diagnose" | "diagnose_real":
            return settings.diagnose(SetName.parse(fields), job.ipc, Teacher.parse(fields))
    return None


def teachers_of(settings: Configuration, job: RuleJob) -> list[Teacher]:
    """The teachers that a job looks through, in their order."""
    fields = job.fields
    match job.rule:
        case "patches":
            return [settings.patch_scorer(fields["dataset"], fields["kind"])]
        case "distill":
            return settings.distill_teachers(SetName.parse(fields))
        case "select_images":
            return settings.select_teachers(SetName.parse(fields))
        case "relabel":
            return settings.relabel_teachers(SetName.parse(fields), int(fields["ipc"]))
    return []


def label_teachers(settings: Configuration, job: RuleJob) -> tuple[str, ...]:
    """Backbones of the teachers behind a job ``relabel``; none for other rules."""
    teachers = teachers_of(settings, job) if job.rule == "relabel" else []
    return tuple(teacher.backbone for teacher in teachers)
