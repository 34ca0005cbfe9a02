"""From a job's name to the settings of its stage, as the rules give them."""

from __future__ import annotations

from typing import Any

from fd2.config.complexity import complexity_settings
from fd2.config.continual import continual_settings, continual_teacher_settings
from fd2.config.detection import (
    annotate_settings,
    annotator_detector,
    detector_settings,
    scenes_settings,
)
from fd2.config.experts import expert_settings, experts_of
from fd2.config.imported_labels import imported_label_settings
from fd2.config.measured import measure_settings, measure_teachers
from fd2.config.names import Annotated, Cell, Detector, Expert, SetName, Teacher
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
        case "train_expert":
            return expert_settings(settings, Expert.parse(fields))
        case "patches":
            return settings.patches(fields["dataset"], fields["kind"])
        case "distill":
            return settings.distill(SetName.parse(fields), int(fields["group"]))
        case "assemble":
            return {"images_per_class": int(fields["ipc"])}
        case "select_images" | "match" | "match_trajectories" | "import_set":
            return settings.whole_set(SetName.parse(fields), int(fields["ipc"]))
        case "measure":
            return measure_settings(settings, SetName.parse(fields), int(fields["ipc"]))
        case "relabel":
            return settings.relabel(SetName.parse(fields), int(fields["ipc"]))
        case "import_labels":
            return imported_label_settings(settings, SetName.parse(fields), int(fields["ipc"]))
        case "evaluate":
            return settings.evaluate(Cell.parse(fields))
        case "diagnose" | "diagnose_real":
            return settings.diagnose(SetName.parse(fields), job.ipc, Teacher.parse(fields))
        case "measure_complexity":
            return complexity_settings(settings, Teacher.parse(fields))
        case "learn_continually":
            return continual_settings(settings, Cell.parse(fields), int(fields["steps"]))
        case "learn_continually_real":
            numbers = int(fields["steps"]), int(fields["seed"])
            return continual_teacher_settings(settings, Teacher.parse(fields), *numbers)
        case "prepare_scenes":
            return scenes_settings(settings, fields["scenes"])
        case "annotate":
            return annotate_settings(settings, Annotated.parse(fields))
        case "train_detector" | "train_detector_real":
            return detector_settings(settings, Detector.parse(fields))
    return None


def teachers_of(settings: Configuration, job: RuleJob) -> list[Teacher]:
    """The teachers that a job looks through, in their order."""
    fields = job.fields
    match job.rule:
        case "patches":
            return [settings.patch_scorer(fields["dataset"], fields["kind"])]
        case "distill" | "select_images" | "match_trajectories" | "import_set":
            return settings.distill_teachers(SetName.parse(fields), job.ipc)
        case "measure":
            return measure_teachers(settings, SetName.parse(fields), int(fields["ipc"]))
        case "relabel":
            return settings.relabel_teachers(SetName.parse(fields), int(fields["ipc"]))
        case "measure_complexity":
            return [Teacher.parse(fields)]
        case "learn_continually":
            cell = Cell.parse(fields)
            soft = settings.evaluate(cell)["labels"] == "soft"
            return settings.relabel_teachers(cell.set_name, cell.ipc) if soft else []
    return []


def label_teachers(settings: Configuration, job: RuleJob) -> tuple[str, ...]:
    """Backbones of the teachers that a job labels by; none for rules that do not label."""
    labels = job.rule in ("relabel", "learn_continually")
    teachers = teachers_of(settings, job) if labels else []
    return tuple(teacher.backbone for teacher in teachers)


def inputs_of(settings: Configuration, job: RuleJob) -> dict[str, str]:
    """The files that a job's record has digests of: paths below the results folder, by role."""
    fields = job.fields
    teachers = [teacher.path() for teacher in teachers_of(settings, job)]
    of_teachers = {f"teacher{number}": path for number, path in enumerate(teachers)}
    match job.rule:
        case "patches":
            return {"scorer": teachers[0]}
        case "assemble":
            name = SetName.parse(fields)
            groups = settings.groups(name, int(fields["ipc"]))
            return {f"group{number}": name.group(group) for number, group in enumerate(groups)}
        case "measure" if fields["method"] in settings.methods("selection"):
            return of_teachers
        case "distill" | "measure" | "select_images" | "import_set":
            kind = settings.patch_kind(SetName.parse(fields))
            patches = {} if kind is None else {"patches": _patches(settings, job)}
            return {**patches, **of_teachers}
        case "match_trajectories":
            experts = experts_of(settings, SetName.parse(fields), int(fields["ipc"]))
            return {**{f"expert{one.number}": one.path() for one in experts}, **of_teachers}
        case "relabel" | "import_labels" | "learn_continually":
            return {"distilled": _distilled(settings, job), **of_teachers}
        case "evaluate":
            cell = Cell.parse(fields)
            inputs = {"distilled": _distilled(settings, job)}
            if settings.evaluate(cell)["labels"] != "soft":
                return inputs
            folder = settings.set_at(cell.set_name, "relabel").labels(cell.ipc)
            files = {"logits": "logits.npy", "augmentation": "augmentation.safetensors"}
            return {**inputs, **{role: f"{folder}/{file}" for role, file in files.items()}}
        case "diagnose":
            network = Teacher.parse(fields).path()
            return {"network": network, "distilled": _distilled(settings, job)}
        case "diagnose_real" | "measure_complexity":
            return {"network": Teacher.parse(fields).path()}
        case "annotate" | "train_detector":
            return _of_annotated(settings, job)
        case "train_detector_real":
            return _scenes(fields["scenes"], "train") | _scenes(fields["scenes"])
    return {}


def _scenes(scenes: str, split: str = "val") -> dict[str, str]:
    """One split of the scenes by its role; they are tested on by their own name."""
    role = "scenes" if split == "val" else split
    return {role: f"scenes/{scenes}/{split}.safetensors"}


def _of_annotated(settings: Configuration, job: RuleJob) -> dict[str, str]:
    annotated = Annotated.parse(job.fields)
    inputs = {"distilled": _distilled(settings, job), **_scenes(annotated.scenes)}
    if job.rule == "train_detector":
        return {**inputs, "annotations": annotated.path()}
    detector = annotator_detector(settings, annotated)
    return inputs if detector is None else {**inputs, "annotator": detector.path("safetensors")}


def _patches(settings: Configuration, job: RuleJob) -> str:
    kind = settings.patch_kind(SetName.parse(job.fields))
    return f"patches/{job.fields['dataset']}/{kind}.safetensors"


def _distilled(settings: Configuration, job: RuleJob) -> str:
    name = settings.set_at(SetName.parse(job.fields), "distill")
    return name.images(int(job.fields["ipc"]))
