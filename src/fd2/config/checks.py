"""What a config and its sheets may name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from fd2.config import plugins
from fd2.config.complexity import groups_of, members
from fd2.config.continual import continual_settings
from fd2.config.datasets import refuse_whitened
from fd2.config.detection import check_detection_row
from fd2.config.experts import experts_of
from fd2.config.measured import measure_settings
from fd2.config.names import FD2, FULL_DATA, Cell, OfSet
from fd2.config.networks import require_own_classes
from fd2.config.resolve import Configuration
from fd2.config.rows import (
    ComplexityRow,
    ContinualRow,
    DetectionRow,
    DiagnosticRow,
    GroupRow,
    IterationRow,
    ScoreRow,
    SeenRow,
    SheetRow,
    StudentRow,
    TeacherRow,
)
from fd2.config.schema import WHOLE_SETS
from fd2.config.scores import check_scores
from fd2.config.stages import BY_NAME, RULES
from fd2.config.transformers import check_feature_map
from fd2.errors import FD2Error, require_known, suggest


def checked_configuration(config: Mapping[str, Any], source: str, folder: Path) -> Configuration:
    """A config whose variants, sheets and figures can be made, checked before any job runs.

    Args:
        config: merged config files; those of a `Layer` are named with their lines.
        source: their names, for errors.
        folder: the config folder with ``presets/`` and ``tables/``.

    Raises:
        FD2Error: for the first setting that is not accepted, name that is not known, or row that
            cannot be made.
    """
    settings = Configuration(config, source, folder)
    _check_names(settings)
    _check_overrides(settings)
    _check_variants(settings)
    datasets = settings.values["datasets"]
    for name, group in settings.values["complexity"]["groups"].items():
        where = settings.where("complexity", "groups", name, "dataset")
        require_known("dataset", group["dataset"], datasets, where)
    for table in settings.values["tables"]:
        check_table(settings, table)
    for table in settings.tables():
        settings.sheet(table)
    for name, figure in settings.values["figures"].items():
        where = settings.where("figures", name, "dataset")
        require_known("dataset", figure["dataset"], datasets, where)
    return settings


def _check_names(settings: Configuration) -> None:
    """Refuse names that a file system without capitals, or Snakemake's targets, would mix up."""
    targets = {"tables": settings.tables(), "figures": list(settings.values["figures"])}
    others = {"datasets": list(settings.values["datasets"]), "variants": settings.variants()}
    for kind, names in {**targets, **others}.items():
        where = settings.where_listed if kind == "tables" else partial(settings.where, kind)
        first_of: dict[str, str] = {}
        for name in names:
            twin = first_of.setdefault(name.casefold(), name)
            if twin != name:
                raise FD2Error(
                    f"'{twin}' and '{name}' differ in capitals alone",
                    where(name),
                    "rename one: some file systems keep one file for both",
                )
            if kind in targets and name in RULES:
                raise FD2Error(
                    f"'{name}' is a target of the workflow itself",
                    where(name),
                    f"choose another name, such as my_{name}",
                )
    for name in targets["figures"]:
        if name in targets["tables"]:
            raise FD2Error(
                f"'{name}' is the name of a table and of a figure",
                settings.where("figures", name),
                "rename one: each is a target by its name",
            )


def _check_overrides(settings: Configuration) -> None:
    """Refuse overrides that look at a name that there is not, or that their stage is shared across.

    The artefacts of a stage are shared across all names that it does not depend on.
    """
    known = {
        **{"dataset": list(settings.values["datasets"]), "fd2": list(FD2)},
        **{"method": [*plugins.names("methods"), FULL_DATA]},
    }
    for name, override in settings.values["overrides"].items():
        for key, wanted in override["where"].items():
            where = settings.where("overrides", name, "where", key)
            for one in wanted if isinstance(wanted, list) else [wanted]:
                if key in known:
                    require_known(key, one, known[key], where)
                elif key in ("backbone", "student"):
                    plugins.require("backbones", one, key, where)
        for stage in override["set"]:
            keys = _keys(settings, stage, override["where"])
            foreign = sorted(set(override["where"]) - set(keys))
            if foreign:
                raise FD2Error(
                    f"override '{name}' changes '{stage}' depending on {', '.join(foreign)}",
                    settings.where("overrides", name),
                    f"'{stage}' can depend on {', '.join(keys)} only; "
                    "its artefacts are shared by everything else",
                )


def _keys(settings: Configuration, stage: str, where: Mapping[str, Any]) -> tuple[str, ...]:
    """What an override of a stage can look at.

    Sets of matching methods have no slots that those of other sizes share, so that an override of
    these methods alone can look at the images per class.
    """
    asked = where.get("method", [])
    asked = asked if isinstance(asked, list) else [asked]
    whole = bool(asked) and set(asked) <= set(settings.methods(*WHOLE_SETS))
    return (*BY_NAME[stage].keys, *(["ipc"] if stage == "distill" and whole else []))


def _check_variants(settings: Configuration) -> None:
    """Refuse variants that cannot be kept apart from ``base``, which has their other artefacts."""
    for name, changed in settings.values["variants"].items():
        where = settings.where("variants", name)
        if name == "base":
            raise FD2Error(f"variant name '{name}'", where, "choose another")
        if "slots" in changed.get("distill", {}):
            raise FD2Error(
                f"variant '{name}' sets 'distill.slots', which also numbers the patches, and it "
                "does not own them",
                where,
                "raise 'distill.slots' for all: fewer images per class are a prefix of more",
            )


def check_table(settings: Configuration, table: str) -> None:
    """Check the rows of one sheet.

    Sheets that are no part of the default target are checked when their tables are asked for:
    ablations of the paper must not stand in the way of a config that cannot make them.

    Raises:
        FD2Error: for the first name that is not known, or row that cannot be made.
    """
    sheet = settings.sheet(table)
    methods = plugins.names("methods")
    for position, row in enumerate(sheet.rows):
        where = sheet.where(position)
        require_known("dataset", row.dataset, settings.values["datasets"], where)
        _check_row(settings, row, where, methods)


def _check_row(settings: Configuration, row: SheetRow, where: str, methods: list[str]) -> None:
    variants = ["base", *settings.variants()]
    match row:
        case StudentRow() if not row.variant:
            if row.ipc is None or not row.published:
                raise FD2Error(
                    "a row without a variant shows published numbers alone, and this has none",
                    where,
                    "give a variant such as 'base', or the published number",
                )
        case StudentRow():
            plugins.require("backbones", row.student, "student", where)
            if row.ipc is None:
                if row.variant != "base":
                    raise FD2Error(
                        f"variant '{row.variant}' of full data",
                        where,
                        "write 'base'; teachers of variants stand in a sheet of teachers",
                    )
                settings.pretrain(settings.teacher(row.set_name, row.student))
                return
            require_known("method", row.method, methods, where)
            require_known("variant", row.variant, variants, where)
            settings.check_ipc(row.set_name, row.ipc, where)
            # Refused if its method's settings do not fit the dataset's resolution.
            settings.distill(row.set_name, 0)
            if row.method in settings.methods(*WHOLE_SETS):
                settings.whole_set(row.set_name, row.ipc)
            _check_networks(settings, row, row.ipc)
        case ScoreRow():
            for part in row.students().values():
                _check_row(settings, part, where, methods)
            check_scores(settings, row, where)
        case ContinualRow():
            _check_row(settings, row.students, where, methods)
            for cell in row.students.cells([0]):
                continual_settings(settings, cell, row.steps)
        case TeacherRow():
            plugins.require("backbones", row.backbone, "backbone", where)
            check_teacher_variant(settings, row.variant, where)
            settings.pretrain(row.teacher)
        case ComplexityRow():
            _check_seen_by(settings, row, where)
            check_feature_map([row.backbone], where, "activation maps are computed from it")
            if row.published is not None and row.published > 1:
                what = f"a published complexity of {row.published:g}"
                raise FD2Error(what, where, "give a share from 0 to 1, in place of percent")
            if row.group:
                groups = groups_of(settings, row.dataset)
                require_known(f"group of classes of '{row.dataset}'", row.group, groups, where)
                if (chosen := groups[row.group]["classes"]) is not None:
                    members({**groups[row.group], "name": row.group}, chosen)
        case DiagnosticRow():
            _check_seen_by(settings, row, where)
            require_own_classes(settings.pretrain(row.network), where)
            if row.ipc is None:
                require_known("variant of real images", row.variant, ["base"], where)
                return
            _check_distilled(settings, row, row.ipc, where, methods)
        case DetectionRow():
            check_detection_row(settings, row, where)
            if row.ipc is not None:
                _check_distilled(settings, row, row.ipc, where, methods)
        case IterationRow() | GroupRow() if row.variant:
            timed = ("selection", *WHOLE_SETS) if isinstance(row, IterationRow) else ()
            require_known("method", row.method, settings.methods("optimisation", *timed), where)
            require_known("variant", row.variant, settings.variants_at("distill"), where)
            settings.check_ipc(row.set_name, row.ipc, where)
            measure_settings(settings, row.set_name, row.ipc)


def _check_distilled(
    settings: Configuration, row: OfSet, ipc: int, where: str, methods: list[str]
) -> None:
    """Refuse a distilled set that cannot be made; of labels and students nothing is asked."""
    require_known("method", row.method, methods, where)
    distilled = settings.variants_at("distill")
    require_known("variant of distilled sets", row.variant, distilled, where)
    settings.check_ipc(row.set_name, ipc, where)


def _check_seen_by(settings: Configuration, row: SeenRow, where: str) -> None:
    """Refuse a network to look through that is no teacher of the config."""
    plugins.require("backbones", row.backbone, "backbone", where)
    require_known("training", row.training, settings.trainings(), where)
    refuse_whitened(settings.values["datasets"][row.dataset], where)
    settings.pretrain(row.network)


def _check_networks(settings: Configuration, row: StudentRow, ipc: int) -> None:
    """Refuse a student, or a teacher of its set or its labels, that cannot be built.

    Also labels that are stored for too few epochs.
    """
    student = settings.evaluate(Cell(row.set_name, ipc, row.student, seed=0))
    teachers = []
    if student["labels"] == "soft":
        settings.relabel(row.set_name, ipc)
        teachers += settings.relabel_teachers(row.set_name, ipc)
    teachers += settings.distill_teachers(row.set_name, ipc)
    experts_of(settings, row.set_name, ipc)
    kind = settings.patch_kind(row.set_name)
    if kind is not None:
        teachers.append(settings.patch_scorer(row.dataset, kind))
    for teacher in teachers:
        require_own_classes(settings.pretrain(teacher), f"teacher {teacher.path()}")


def check_teacher_variant(settings: Configuration, variant: str, where: str) -> None:
    """Refuse a variant that shares the teachers of ``base``.

    Raises:
        FD2Error: if there is no such variant, or it does not change the teacher.
    """
    allowed = ["base", *settings.teacher_variants()]
    require_known("variant", variant, ["base", *settings.variants()], where)
    if variant not in allowed:
        raise FD2Error(
            f"variant '{variant}' does not change the teacher",
            where,
            f"name one with a section 'pretrain'; {suggest(variant, allowed)}",
        )
