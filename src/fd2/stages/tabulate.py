"""Stage: fill one table from the results that exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fd2.artifacts.files import write_frame, write_text
from fd2.config.cells import sheet_header
from fd2.config.cost_sheets import GROUP_COLUMNS, ITERATION_COLUMNS
from fd2.config.diagnostic_sheets import is_diagnostic_sheet
from fd2.config.teacher_sheets import is_teacher_sheet
from fd2.reporting.diagnostic_texts import (
    diagnostic_frame,
    diagnostic_latex,
    diagnostic_markdown,
)
from fd2.reporting.diagnostics import build_diagnostic_table
from fd2.reporting.group_times import group_time_table
from fd2.reporting.iterations import iteration_table
from fd2.reporting.latex import latex
from fd2.reporting.markdown import markdown
from fd2.reporting.table import build_table
from fd2.reporting.teacher_texts import teacher_frame, teacher_latex, teacher_markdown
from fd2.reporting.teachers import build_teacher_table
from fd2.reporting.tidy import tidy


def tabulate(
    sheet: Path,
    results: Path,
    seeds: Sequence[int],
    stem: Path,
    starts: Sequence[str | None] | None = None,
    trainings: Sequence[Mapping[str, Any] | None] | None = None,
    images: Sequence[Mapping[str, Any] | None] | None = None,
) -> None:
    """Write ``stem.csv``, ``stem.md`` and ``stem.tex``.

    Results that do not exist are shown as missing, with the command that makes them, so that a
    table can be read while its grid still runs.

    Args:
        sheet: a csv of ``config/tables``; its lines give the table's order, and its header tells
            whether it lists cells, teachers, diagnoses, iterations or groups.
        results: the results folder, as the user would name it in a target.
        seeds: the students' seeds that were asked for.
        stem: output path without suffix.
        starts: initial weights of each row's students; see `fd2.reporting.table.build_table`.
        trainings: labels and training of each row's students; likewise.
        images: how each row's images are made; likewise.

    Raises:
        FD2Error: for a faulty sheet, a damaged result, or results made from different data.
    """
    header = sheet_header(sheet)
    texts: tuple[str, str]
    if header in (ITERATION_COLUMNS, GROUP_COLUMNS):
        build = iteration_table if header == ITERATION_COLUMNS else group_time_table
        frame, grid = build(sheet, results)
        texts = grid.markdown(), grid.latex()
    elif is_teacher_sheet(sheet):
        teachers = build_teacher_table(sheet, results)
        frame = teacher_frame(teachers)
        texts = teacher_markdown(teachers), teacher_latex(teachers)
    elif is_diagnostic_sheet(sheet):
        diagnoses = build_diagnostic_table(sheet, results)
        frame = diagnostic_frame(diagnoses)
        texts = diagnostic_markdown(diagnoses), diagnostic_latex(diagnoses)
    else:
        table = build_table(sheet, results, seeds, starts, trainings, images)
        frame, texts = tidy(table), (markdown(table), latex(table))
    write_frame(stem.with_name(stem.name + ".csv"), frame)
    for suffix, text in zip((".md", ".tex"), texts, strict=True):
        write_text(stem.with_name(stem.name + suffix), text)
