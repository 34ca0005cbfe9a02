"""Settings of a diagnosis, and what a sheet of diagnoses may name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fd2.config import plugins
from fd2.config.cells import FULL_DATA
from fd2.config.diagnostic_sheets import Diagnosis, is_diagnostic_sheet, read_diagnostic_sheet
from fd2.config.layers import stage_config
from fd2.errors import require_known

if TYPE_CHECKING:
    from fd2.config.resolve import Configuration


def diagnose_settings(
    settings: Configuration,
    *,
    dataset: str,
    backbone: str,
    training: str,
    method: str = FULL_DATA,
    fd2: str = "plain",
    variant: str = "base",
    ipc: int | None = None,
) -> dict[str, Any]:
    """Settings of one diagnosis; without a method, of all real training images.

    The groups are those that the set was distilled in, and the dataset's own for real images.
    """
    context = {"dataset": dataset, "method": method, "fd2": fd2}
    section = stage_config(settings.values, "distill", variant, context)
    return {
        **context,
        "variant": variant,
        "ipc": ipc,
        "backbone": backbone,
        "training": training,
        "protocol": settings.values["protocol"],
        "group_size": section["group_size"],
    }


def diagnostic_rows(settings: Configuration, table: str) -> list[Diagnosis]:
    """The rows of a sheet of diagnoses; none for any other sheet."""
    path = settings.sheet(table)
    return read_diagnostic_sheet(path) if is_diagnostic_sheet(path) else []


def check_diagnoses(settings: Configuration, table: str) -> None:
    """Refuse a sheet's row that cannot be made.

    Raises:
        FD2Error: for the first name that is not known.
    """
    where = str(settings.sheet(table))
    for row in diagnostic_rows(settings, table):
        require_known("dataset", row.dataset, list(settings.values["datasets"]), where)
        require_known("backbone", row.backbone, plugins.names("backbones"), where)
        require_known("training", row.training, settings.trainings(), where)
        if row.ipc is None:
            require_known("variant of real images", row.variant, ["base"], where)
            continue
        require_known("method", row.method, plugins.names("methods"), where)
        own = settings.variants_at("distill")
        require_known("variant of distilled sets", row.variant, own, where)
        settings.check_ipc(row.dataset, row.method, row.fd2, row.variant, row.ipc, where)
