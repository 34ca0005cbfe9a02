"""All sheets of a config, whatever they list: which there are, and what fills each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fd2.config.cost_sheets import read_group_sheet, read_iteration_sheet
from fd2.config.diagnostic_settings import diagnostic_rows

if TYPE_CHECKING:
    from fd2.config.resolve import Configuration

#: Keys of the config that list sheets. Each is a target; only the first is part of the default.
LISTS = ("tables", "ablations", "measurements")


def all_tables(values: Mapping[str, Any]) -> list[str]:
    """The names of all sheets that a config lists, each once."""
    return list(dict.fromkeys(name for key in LISTS for name in values[key]))


def table_sources(settings: Configuration, table: str) -> list[str]:
    """Paths below the results folder of what fills a table.

    Raises:
        FD2Error: for a faulty sheet.
    """
    sheet = settings.sheet(table)
    seeds = settings.values["seeds"]
    paths = [path for row in settings.rows(table) for path in row.sources(seeds)]
    paths += [row.source() for row in settings.teacher_rows(table)]
    paths += [path for row in read_iteration_sheet(sheet) for path in row.sources()]
    paths += [row.source() for row in read_group_sheet(sheet)]
    paths += [row.path("json") for row in diagnostic_rows(settings, table)]
    return paths
