"""What a config and its sheets may name, and settings that only a method can judge."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fd2.config import plugins
from fd2.config.cells import FULL_DATA, Row
from fd2.config.diagnostic_settings import check_diagnoses
from fd2.errors import FD2Error, suggest

if TYPE_CHECKING:
    from fd2.config.resolve import Configuration


def check_names(settings: Configuration) -> None:
    """Check variants, sheets and figures before any job runs.

    Raises:
        FD2Error: for the first name that is not known, or row that cannot be made.
    """
    datasets = settings.values["datasets"]
    for name in settings.variants():
        if name == "base" or name[0] == "-":
            raise FD2Error(f"variant name '{name}'", "setting 'variants'", "choose another")
    for table in settings.values["tables"]:
        place = str(settings.sheet(table))
        for row in settings.rows(table):
            _check_row(settings, row, place)
        for teacher in settings.teacher_rows(table):
            _known("dataset", teacher.dataset, datasets, place)
            _known("backbone", teacher.backbone, plugins.names("backbones"), place)
        check_diagnoses(settings, table)
    for name, figure in settings.values["figures"].items():
        _known("dataset", figure["dataset"], datasets, f"figures.{name}")


def _check_row(settings: Configuration, row: Row, place: str) -> None:
    _known("dataset", row.dataset, settings.values["datasets"], place)
    _known("student", row.student, plugins.names("backbones"), place)
    if row.method == FULL_DATA:
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
