"""A table as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fd2.config.cells import FULL_DATA
from fd2.reporting.caption import caption
from fd2.reporting.differences import differences
from fd2.reporting.results import METRICS
from fd2.reporting.table import Entry, Key, Table
from fd2.reporting.wording import NO_SPREAD, published, scores, signed

PUBLISHED = "– published top-1 (ours minus it)"
SAME = "←"


def markdown(table: Table) -> str:
    """The caption, the table, FD² against plain, and the commands for what is missing."""
    parts = [f"# {table.name}", "\n".join(f"- {line}" for line in caption(table)), _grid(table)]
    if any(entry.row.ipc is None for entry in table.entries) and len(table.columns) > 1:
        parts.append(f"`{SAME}`: full data knows no IPC; as in the column to the left.")
    if pairs := _pairs(table):
        parts += ["## Differences: with FD² minus without", pairs]
    if table.missing:
        commands = "\n".join(f"snakemake {path}" for path in table.missing)
        parts += ["## Missing results", f"```\n{commands}\n```"]
    return "\n\n".join(parts) + "\n"


def _grid(table: Table) -> str:
    several = len({dataset for dataset, _ in table.columns}) > 1
    header = ["method"]
    for dataset, ipc in table.columns:
        words = [dataset] if several or ipc is None else []
        header.append(" ".join([*words, *([f"IPC {ipc}"] if ipc is not None else [])]))
    lines = []
    for key in table.lines:
        entries = _line_entries(table, key)
        spanned = _spanned(table, key)
        texts = [_filled(e, scores, s) for e, s in zip(entries, spanned, strict=True)]
        lines.append([table.label(key), *texts])
        if any(entry is not None and entry.row.published is not None for entry in entries):
            texts = [_filled(e, published, s) for e, s in zip(entries, spanned, strict=True)]
            lines.append([PUBLISHED, *texts])
    return _pipes(header, lines)


def _line_entries(table: Table, key: Key) -> list[Entry | None]:
    """A line's entry for each column; a full-data entry stands in every column of its dataset."""
    full = key[0] == FULL_DATA
    return [table.entry(key, dataset, None if full else ipc) for dataset, ipc in table.columns]


def _spanned(table: Table, key: Key) -> list[bool]:
    """For each column whether a full-data line already stands to the left of it."""
    datasets = [dataset for dataset, _ in table.columns]
    return [
        key[0] == FULL_DATA and position > 0 and datasets[position - 1] == dataset
        for position, dataset in enumerate(datasets)
    ]


def _filled(entry: Entry | None, text: Callable[[Entry], str], spanned: bool) -> str:
    if entry is None:
        return ""
    return SAME if spanned else text(entry)


def _pairs(table: Table) -> str:
    header = ["method", "dataset", "IPC", "student"]
    for metric in METRICS:
        name = metric.replace("_", " ")
        header += [name, "pooled std", "verdict"]
    lines = []
    for pair in differences(table):
        row = pair.fd2.row
        line = [pair.fd2.label, row.dataset, str(row.ipc), row.student]
        for metric in METRICS:
            std = pair.pooled_std(metric)
            spread = NO_SPREAD if std is None else f"{std:.1f}"
            line += [signed(pair.value(metric)), spread, pair.verdict(metric)]
        lines.append(line)
    return _pipes(header, lines) if lines else ""


def _pipes(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [list(header), ["---"] * len(header), *[list(line) for line in lines]]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows
    )
