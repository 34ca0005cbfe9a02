"""Stage: fill one table from the results that exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fd2.config.sheets import read_sheet
from fd2.tables.complexity import complexity_table
from fd2.tables.continual import continual_table
from fd2.tables.costs import group_table, iteration_table
from fd2.tables.detection import detection_table
from fd2.tables.diagnostics import diagnostic_table
from fd2.tables.earlier import NONE
from fd2.tables.render import write_table
from fd2.tables.scores import score_table
from fd2.tables.students import student_table
from fd2.tables.teachers import teacher_table
from fd2.tables.worth import worth_table

#: Of the kinds of sheets that need no more than their results.
_TABLES = {
    "iterations": iteration_table,
    "groups": group_table,
    "teachers": teacher_table,
    "diagnostics": diagnostic_table,
}


def tabulate(
    sheet: Path,
    results: Path,
    seeds: Sequence[int],
    facts: Sequence[Mapping[str, Any]],
    templates: Path,
    stem: Path,
    earlier: str = NONE,
) -> None:
    """Write ``stem.csv``, ``stem.md`` and ``stem.tex``.

    Results that do not exist are shown as missing, with the command that makes them, so that a
    table can be read while its grid still runs.

    Args:
        sheet: a csv of ``config/tables``; its lines give the table's order.
        results: the results folder, as the user would name it in a target.
        seeds: the students' seeds that were asked for.
        facts: of each row of a sheet of students, see `fd2.config.row_facts`; of a sheet of
            complexity the groups of classes that its rows name.
        templates: the folder of the tables' templates.
        stem: output path without suffix.
        earlier: which earlier data students are also shown of; see `fd2.tables.earlier`.

    Raises:
        FD2Error: for a faulty sheet, a damaged result, or results made from different data.
    """
    listed = read_sheet(sheet)
    if listed.kind in _TABLES:
        table = _TABLES[listed.kind](listed, results)
    elif listed.kind == "complexity":
        table = complexity_table(listed, results, {group["name"]: group for group in facts})
    elif listed.kind == "detection":
        table = detection_table(listed, results, seeds)
    elif listed.kind == "scores":
        table = score_table(listed, results, seeds)
    elif listed.kind == "continual":
        table = continual_table(listed, results, seeds, facts)
    elif listed.kind == "worth":
        table = worth_table(listed, results, seeds, facts)
    else:
        table = student_table(listed, results, seeds, facts, earlier)
    write_table(table, templates, stem)
