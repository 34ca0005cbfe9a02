"""Stage: fill one table from the results that exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fd2.config.cells import sheet_header
from fd2.config.cost_sheets import GROUP_COLUMNS, ITERATION_COLUMNS
from fd2.config.diagnostic_sheets import is_diagnostic_sheet
from fd2.config.teacher_sheets import is_teacher_sheet
from fd2.tables.costs import group_table, iteration_table
from fd2.tables.diagnostics import diagnostic_table
from fd2.tables.render import Table, write_table
from fd2.tables.students import student_table
from fd2.tables.teachers import teacher_table


def tabulate(
    sheet: Path,
    results: Path,
    seeds: Sequence[int],
    facts: Sequence[Mapping[str, str]],
    templates: Path,
    stem: Path,
) -> None:
    """Write ``stem.csv``, ``stem.md`` and ``stem.tex``.

    Results that do not exist are shown as missing, with the command that makes them, so that a
    table can be read while its grid still runs.

    Args:
        sheet: a csv of ``config/tables``; its lines give the table's order, and its header tells
            whether it lists cells, teachers, diagnoses, iterations or groups.
        results: the results folder, as the user would name it in a target.
        seeds: the students' seeds that were asked for.
        facts: of each row of a sheet of cells; see `fd2.config.row_facts`.
        templates: the folder of the tables' templates.
        stem: output path without suffix.

    Raises:
        FD2Error: for a faulty sheet, a damaged result, or results made from different data.
    """
    write_table(_table(sheet, results, seeds, facts), templates, stem)


def _table(
    sheet: Path, results: Path, seeds: Sequence[int], facts: Sequence[Mapping[str, str]]
) -> Table:
    header = sheet_header(sheet)
    if header == ITERATION_COLUMNS:
        return iteration_table(sheet, results)
    if header == GROUP_COLUMNS:
        return group_table(sheet, results)
    if is_teacher_sheet(sheet):
        return teacher_table(sheet, results)
    if is_diagnostic_sheet(sheet):
        return diagnostic_table(sheet, results)
    return student_table(sheet, results, seeds, facts)
