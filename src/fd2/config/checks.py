"""What a config and its sheets may name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fd2.config import plugins
from fd2.config.resolve import Configuration
from fd2.config.rows import DiagnosticRow, GroupRow, IterationRow, SheetRow, StudentRow, TeacherRow
from fd2.config.variants import check_variants
from fd2.errors import FD2Error, require_known, suggest


def checked_configuration(config: Mapping[str, Any], source: str, folder: Path) -> Configuration:
    """A config whose variants, sheets and figures can be made, checked before any job runs.

    Args:
        config: merged config files, as a mapping.
        source: their names, for errors.
        folder: the config folder with ``protocols/`` and ``tables/``.

    Raises:
        FD2Error: for the first setting that is not accepted, name that is not known, or row that
            cannot be made.
    """
    settings = Configuration(config, source, folder)
    check_variants(settings.values, settings.source)
    for table in settings.values["tables"]:
        check_table(settings, table)
    for table in settings.tables():
        settings.sheet(table)
    datasets = settings.values["datasets"]
    for name, figure in settings.values["figures"].items():
        require_known("dataset", figure["dataset"], datasets, f"figures.{name}")
    return settings


def check_table(settings: Configuration, table: str) -> None:
    """Check the rows of one sheet.

    Sheets that are no part of the default target are checked when their tables are asked for:
    ablations of the paper must not stand in the way of a config that cannot make them.

    Raises:
        FD2Error: for the first name that is not known, or row that cannot be made.
    """
    sheet = settings.sheet(table)
    for row in sheet.rows:
        require_known("dataset", row.dataset, settings.values["datasets"], str(sheet.path))
        _check_row(settings, row, str(sheet.path))


def _check_row(settings: Configuration, row: SheetRow, where: str) -> None:
    backbones, methods = plugins.names("backbones"), plugins.names("methods")
    variants = ["base", *settings.variants()]
    match row:
        case StudentRow():
            require_known("student", row.student, backbones, where)
            if row.ipc is None:
                if row.variant != "base":
                    raise FD2Error(
                        f"variant '{row.variant}' of full data",
                        where,
                        "write 'base'; teachers of variants stand in a sheet of teachers",
                    )
                return
            require_known("method", row.method, methods, where)
            require_known("variant", row.variant, variants, where)
            settings.check_ipc(row.set_name, row.ipc, where)
            # Refused if its method's settings do not fit the dataset's resolution.
            settings.distill(row.set_name, 0)
        case TeacherRow():
            require_known("backbone", row.backbone, backbones, where)
            check_teacher_variant(settings, row.variant, where)
        case DiagnosticRow():
            require_known("backbone", row.backbone, backbones, where)
            require_known("training", row.training, settings.trainings(), where)
            if row.ipc is None:
                require_known("variant of real images", row.variant, ["base"], where)
                return
            require_known("method", row.method, methods, where)
            distilled = settings.variants_at("distill")
            require_known("variant of distilled sets", row.variant, distilled, where)
            settings.check_ipc(row.set_name, row.ipc, where)
        case IterationRow() | GroupRow() if row.variant:
            require_known("method", row.method, settings.methods("optimisation"), where)
            require_known("variant", row.variant, settings.variants_at("distill"), where)
            settings.distill(row.set_name, 0)
            if isinstance(row, GroupRow):
                settings.check_ipc(row.set_name, row.ipc, where)


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
