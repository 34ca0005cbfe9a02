"""Stage: fill one table from the results that exist."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fd2.reporting.files import write_frame, write_text
from fd2.reporting.latex import latex
from fd2.reporting.markdown import markdown
from fd2.reporting.table import build_table
from fd2.reporting.tidy import tidy


def tabulate(sheet: Path, results: Path, seeds: Sequence[int], stem: Path) -> None:
    """Write ``stem.csv``, ``stem.md`` and ``stem.tex``; both accuracies in each.

    Results that do not exist are shown as missing, with the command that makes them, so that a
    table can be read while its grid still runs.

    Args:
        sheet: a csv of ``config/tables``; its lines give the table's order.
        results: the results folder, as the user would name it in a target.
        seeds: the students' seeds that were asked for.
        stem: output path without suffix.

    Raises:
        FD2Error: for a faulty sheet, a damaged result, or results made from different data.
    """
    table = build_table(sheet, results, seeds)
    write_frame(stem.with_name(stem.name + ".csv"), tidy(table))
    write_text(stem.with_name(stem.name + ".md"), markdown(table))
    write_text(stem.with_name(stem.name + ".tex"), latex(table))
