"""What a config and its sheets may name, and settings that only a method can judge."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fd2.config import plugins
from fd2.config.cells import FULL_DATA, Row, sheet_header
from fd2.config.cost_sheets import GroupRow, IterationRow, read_group_sheet, read_iteration_sheet
from fd2.config.diagnostic_settings import check_diagnoses
from fd2.config.layers import first_stage
from fd2.config.sheets import all_tables
from fd2.config.variants import check_variants
from fd2.errors import FD2Error, suggest

if TYPE_CHECKING:
    from fd2.config.resolve import Configuration


def check_names(settings: Configuration) -> None:
    """Check variants, sheets and figures before any job runs.

    Raises:
        FD2Error: for the first name that is not known, or row that cannot be made.
    """
    check_variants(settings.values, settings.source)
    for table in settings.values["tables"]:
        check_table(settings, table)
    for table in all_tables(settings.values):
        sheet_header(settings.sheet(table))
    datasets = settings.values["datasets"]
    for name, figure in settings.values["figures"].items():
        _known("dataset", figure["dataset"], datasets, f"figures.{name}")


def check_table(settings: Configuration, table: str) -> None:
    """Check the rows of one sheet.

    Sheets that are no part of the default target are checked when their tables are asked for:
    ablations of the paper must not stand in the way of a config that cannot make them.

    Raises:
        FD2Error: for the first name that is not known, or row that cannot be made.
    """
    sheet = settings.sheet(table)
    place = str(sheet)
    for row in settings.rows(table):
        _check_row(settings, row, place)
    for teacher in settings.teacher_rows(table):
        _known("dataset", teacher.dataset, settings.values["datasets"], place)
        _known("backbone", teacher.backbone, plugins.names("backbones"), place)
        _check_teacher_variant(settings, teacher.variant, place)
    for iteration in read_iteration_sheet(sheet):
        if iteration.variant:
            _check_optimised(settings, iteration, place)
    for group in read_group_sheet(sheet):
        _check_optimised(settings, group, place)
        names = (group.dataset, group.method, group.fd2, group.variant)
        settings.check_ipc(*names, group.ipc, place)
    check_diagnoses(settings, table)


def _check_teacher_variant(settings: Configuration, variant: str, place: str) -> None:
    _known("variant", variant, ["base", *settings.variants()], place)
    if variant != "base" and first_stage(settings.values, variant) != "pretrain":
        raise FD2Error(
            f"variant '{variant}' has no teacher of its own",
            place,
            "name 'base' or a variant with a section 'pretrain'",
        )


def _check_optimised(settings: Configuration, row: IterationRow | GroupRow, place: str) -> None:
    _known("dataset", row.dataset, settings.values["datasets"], place)
    _known("method", row.method, settings.methods("optimisation"), place)
    _known("variant", row.variant, settings.variants_at("distill"), place)
    check_recipe(settings, row.dataset, row.method, row.fd2, row.variant)


def _check_row(settings: Configuration, row: Row, place: str) -> None:
    _known("dataset", row.dataset, settings.values["datasets"], place)
    _known("student", row.student, plugins.names("backbones"), place)
    if row.method == FULL_DATA:
        if row.variant != "base":
            raise FD2Error(
                f"variant '{row.variant}' of full data",
                place,
                "write 'base'; teachers of variants stand in a sheet of teachers",
            )
        return
    _known("method", row.method, plugins.names("methods"), place)
    _known("variant", row.variant, ["base", *settings.variants()], place)
    if row.ipc is not None:
        settings.check_ipc(row.dataset, row.method, row.fd2, row.variant, row.ipc, place)
    check_recipe(settings, row.dataset, row.method, row.fd2, row.variant)


def check_recipe(
    settings: Configuration, dataset: str, method: str, fd2: str, variant: str
) -> None:
    """Let an optimising method refuse settings that do not fit the dataset's resolution.

    Raises:
        FD2Error: the method's own, with the dataset and the config files added.
    """
    plugin = plugins.load("methods", method)
    if plugin.KIND != "optimisation":
        return
    own = settings.method_settings(dataset, method, fd2, variant)
    try:
        plugin.recipe(own, settings.values["datasets"][dataset]["resolution"])
    except FD2Error as error:
        place = f"{error.place} for dataset '{dataset}', {settings.source}"
        raise FD2Error(error.thing, place, error.remedy) from error


def _known(what: str, name: str, allowed: Iterable[str], place: str) -> None:
    if name not in allowed:
        raise FD2Error(f"unknown {what} '{name}'", place, suggest(name, allowed))
