"""What a config and its sheets may name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fd2.config import plugins
from fd2.config.cells import FULL_DATA, Row, sheet_header
from fd2.config.cost_sheets import GroupRow, IterationRow, read_group_sheet, read_iteration_sheet
from fd2.config.diagnostic_settings import check_diagnoses
from fd2.config.layers import first_stage
from fd2.config.resolve import Configuration
from fd2.config.sheets import all_tables
from fd2.config.variants import check_variants
from fd2.errors import FD2Error, require_known


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
    _check_names(settings)
    return settings


def _check_names(settings: Configuration) -> None:
    check_variants(settings.values, settings.source)
    for table in settings.values["tables"]:
        check_table(settings, table)
    for table in all_tables(settings.values):
        sheet_header(settings.sheet(table))
    datasets = settings.values["datasets"]
    for name, figure in settings.values["figures"].items():
        require_known("dataset", figure["dataset"], datasets, f"figures.{name}")


def check_table(settings: Configuration, table: str) -> None:
    """Check the rows of one sheet.

    Sheets that are no part of the default target are checked when their tables are asked for:
    ablations of the paper must not stand in the way of a config that cannot make them.

    Raises:
        FD2Error: for the first name that is not known, or row that cannot be made.
    """
    sheet = settings.sheet(table)
    where = str(sheet)
    for row in settings.rows(table):
        _check_row(settings, row, where)
    for teacher in settings.teacher_rows(table):
        require_known("dataset", teacher.dataset, settings.values["datasets"], where)
        require_known("backbone", teacher.backbone, plugins.names("backbones"), where)
        _check_teacher_variant(settings, teacher.variant, where)
    for iteration in read_iteration_sheet(sheet):
        if iteration.variant:
            _check_optimised(settings, iteration, where)
    for group in read_group_sheet(sheet):
        _check_optimised(settings, group, where)
        names = (group.dataset, group.method, group.fd2, group.variant)
        settings.check_ipc(*names, group.ipc, where)
    check_diagnoses(settings, table)


def _check_teacher_variant(settings: Configuration, variant: str, where: str) -> None:
    require_known("variant", variant, ["base", *settings.variants()], where)
    if variant != "base" and first_stage(settings.values, variant) != "pretrain":
        raise FD2Error(
            f"variant '{variant}' has no teacher of its own",
            where,
            "name 'base' or a variant with a section 'pretrain'",
        )


def _check_optimised(settings: Configuration, row: IterationRow | GroupRow, where: str) -> None:
    require_known("dataset", row.dataset, settings.values["datasets"], where)
    require_known("method", row.method, settings.methods("optimisation"), where)
    require_known("variant", row.variant, settings.variants_at("distill"), where)
    # Refused if its method's settings do not fit the dataset's resolution.
    settings.distill(row.dataset, row.method, row.fd2, row.variant, 0)


def _check_row(settings: Configuration, row: Row, where: str) -> None:
    require_known("dataset", row.dataset, settings.values["datasets"], where)
    require_known("student", row.student, plugins.names("backbones"), where)
    if row.method == FULL_DATA:
        if row.variant != "base":
            raise FD2Error(
                f"variant '{row.variant}' of full data",
                where,
                "write 'base'; teachers of variants stand in a sheet of teachers",
            )
        return
    require_known("method", row.method, plugins.names("methods"), where)
    require_known("variant", row.variant, ["base", *settings.variants()], where)
    if row.ipc is not None:
        settings.check_ipc(row.dataset, row.method, row.fd2, row.variant, row.ipc, where)
    # Refused if its method's settings do not fit the dataset's resolution.
    settings.distill(row.dataset, row.method, row.fd2, row.variant, 0)
