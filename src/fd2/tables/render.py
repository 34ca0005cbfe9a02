"""A table as csv, Markdown and LaTeX, from one layout and the templates that have its words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fd2.artifacts.files import write_frame, write_text
from fd2.config.sheets import Sheet
from fd2.report.escapes import text_templates
from fd2.report.numbers import NOTHING

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Grid:
    """A part of a table that is shown as one grid.

    Attributes:
        title: what the template makes its title of; empty where a table is one grid alone.
        lines: the values of each line, by the names that the template uses.
        columns: name of the template's list of headers and cells.
        counts: images per class, or classes seen, where each has a column; then a line has a
            ``label`` and ``cells``, the values for each of them, and the template ``measures``.
    """

    title: Mapping[str, Any]
    lines: Sequence[Line]
    columns: str = "columns"
    counts: Sequence[int | None] | None = None


@dataclass(frozen=True)
class Table:
    """Everything that a table shows.

    Attributes:
        name: of the sheet.
        kind: of the sheet; its words are in the template ``{kind}.j2``.
        frame: the csv: one line a row of the sheet.
        grids: to show.
        caption: values for the template's caption.
        missing: commands for what is not there.
    """

    name: str
    kind: str
    frame: pd.DataFrame
    grids: Sequence[Grid]
    caption: Mapping[str, Any]
    missing: Sequence[str]


def of_sheet(
    sheet: Sheet,
    frame: pd.DataFrame,
    grids: Sequence[Grid],
    files: pd.DataFrame,
    **caption: Any,
) -> Table:
    """The table of a sheet from its results, see `fd2.tables.records.read_results`."""
    existing = files["exists"].astype(bool)
    shared = {"files": plain(files[existing]), "asked": len(files), "notes": list(sheet.notes)}
    missing = files.loc[~existing, "missing"].to_list()
    return Table(sheet.path.stem, sheet.kind, frame, grids, {**shared, **caption}, missing)


def write_table(table: Table, templates: Path, stem: Path) -> None:
    """Write ``stem.csv``, ``stem.md`` and ``stem.tex``, each whole or not at all."""
    write_frame(stem.with_name(stem.name + ".csv"), table.frame)
    for suffix, text in texts(table, templates).items():
        write_text(stem.with_name(stem.name + suffix), text)


def texts(table: Table, templates: Path) -> dict[str, str]:
    """The table as Markdown and LaTeX, by suffix."""
    environment = text_templates(templates)
    environment.filters["listed"] = listed
    words: Any = environment.get_template(f"{table.kind}.j2").make_module()
    values = {
        "name": table.name,
        "caption": _lines(words.caption(table.caption)),
        "grids": [_written(grid, words) for grid in table.grids],
        "missing": table.missing,
    }
    return {
        suffix: environment.get_template(f"table{suffix}.j2").render(values)
        for suffix in (".md", ".tex")
    }


def listed(values: Iterable[Any]) -> str:
    """Sorted, each once, without None and NaN."""
    return ", ".join(str(value) for value in sorted({v for v in values if not pd.isna(v)}))


def plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's lines with None where it has no value, for templates."""
    objects = frame.astype(object)
    return [
        {str(name): value for name, value in line.items()}
        for line in objects.where(frame.notna(), None).to_dict("records")
    ]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _written(grid: Grid, words: Any) -> dict[str, Any]:
    """A grid's title, header and lines in words."""
    title = str(words.title(grid.title)).strip() if grid.title else ""
    if grid.counts is not None:
        return {"title": title, **_pivoted(grid.counts, grid.lines, words)}
    columns: Sequence[tuple[str, Callable[[Line], str]]] = getattr(words, grid.columns)
    return {
        "title": title,
        "header": [header for header, _ in columns],
        "lines": [[str(cell(line)).strip() for _, cell in columns] for line in grid.lines],
    }


def _pivoted(counts: Sequence[int | None], lines: Sequence[Line], words: Any) -> dict[str, Any]:
    """A line for each measure of a line that has one, with a column for each number of images."""
    written = []
    for line in lines:
        for measure, cell in words.measures:
            cells = [str(cell(row)).strip() if row else "" for row in line["cells"]]
            if any(cells):
                written.append([f"{NOTHING} {measure}" if measure else line["label"], *cells])
    header = [words.method, *(str(words.count(count)).strip() for count in counts)]
    return {"header": header, "lines": written}
