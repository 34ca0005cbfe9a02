"""Which figures the workflow draws when it is asked for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fd2.config.diagnostic_settings import diagnostic_rows

if TYPE_CHECKING:
    from fd2.config.resolve import Configuration


def tabled_datasets(settings: Configuration) -> set[str]:
    """Datasets that a table of the config is about.

    Raises:
        FD2Error: for a faulty sheet.
    """
    datasets: set[str] = set()
    for table in settings.values["tables"]:
        datasets.update(row.dataset for row in settings.rows(table))
        datasets.update(teacher.dataset for teacher in settings.teacher_rows(table))
        datasets.update(diagnosis.dataset for diagnosis in diagnostic_rows(settings, table))
    return datasets


def drawn_figures(settings: Configuration) -> list[str]:
    """Figures of `tabled_datasets`, in the config's order.

    Config files are laid over config.yaml with its figures of the paper. One that fills tables of
    other data must not fetch the paper's for a picture. A figure that is left out is still a
    target.

    Raises:
        FD2Error: for a faulty sheet.
    """
    datasets = tabled_datasets(settings)
    figures = settings.values["figures"]
    return [name for name, figure in figures.items() if figure["dataset"] in datasets]
