"""A table as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fd2.config.cells import FULL_DATA
from fd2.reporting.blocks import Block, Line
from fd2.reporting.caption import caption
from fd2.reporting.difference_texts import DIFFERENCE_HEADER, ROW_HEADER, differing, row_words
from fd2.reporting.differences import Difference, differences, variant_differences
from fd2.reporting.entry import Entry
from fd2.reporting.gain_texts import TITLE, gain_grid, sentences
from fd2.reporting.gains import gains
from fd2.reporting.repeated_texts import sections
from fd2.reporting.table import Table
from fd2.reporting.wording import published, scores

PUBLISHED = "– published top-1 (ours minus it)"
SAME = "←"


def markdown(table: Table) -> str:
    """The caption, a grid a block, FD² against plain, and the commands for what is missing."""
    parts = [heading(table.name, caption(table))]
    for block in table.blocks:
        parts += [_grid(block)] if block.alone else [f"## {block.title}", _grid(block)]
    if any(len(block.counts) > 1 and _has_full_data(block) for block in table.blocks):
        parts.append(f"`{SAME}`: full data knows no IPC; as in the column to the left.")
    if found := gains(table):
        parts.append(f"## {TITLE}")
        parts += ["\n".join(f"- {line}" for line in told)] if (told := sentences(found)) else []
        parts.append(pipes(*gain_grid(found)))
    for section in sections(table):
        parts += [f"## {section.title}", section.explanation, pipes(*section.grid())]
    if pairs := differences(table):
        parts += ["## Differences: with FD² minus without", _pairs(pairs)]
    if pairs := variant_differences(table):
        parts += ["## Differences: variant minus base", _pairs(pairs)]
    parts += missing_results([str(path) for path in table.missing])
    return "\n\n".join(parts) + "\n"


def heading(name: str, sentences: Sequence[str]) -> str:
    """A table's name and the sentences of its caption as a list."""
    return "\n\n".join([f"# {name}", "\n".join(f"- {line}" for line in sentences)])


def missing_results(paths: Sequence[str]) -> list[str]:
    """A section with the command for each missing result; nothing if there is none."""
    commands = "\n".join(f"snakemake {path}" for path in paths)
    return ["## Missing results", f"```\n{commands}\n```"] if paths else []


def _has_full_data(block: Block) -> bool:
    return any(line[0] == FULL_DATA for line in block.lines)


def _grid(block: Block) -> str:
    header = ["method"]
    header += [block.dataset if count is None else f"IPC {count}" for count in block.counts]
    lines = []
    for line in block.lines:
        lines.append([block.label(line), *_texts(block, line, scores)])
        if any(entry.key == line and entry.row.published for entry in block.entries):
            lines.append([PUBLISHED, *_texts(block, line, published)])
    return pipes(header, lines)


def _texts(block: Block, line: Line, text: Callable[[Entry], str]) -> list[str]:
    """A line's texts for each column; full data is written once."""
    entries = [block.entry(line, count) for count in block.counts]
    texts = [text(entry) if entry is not None else "" for entry in entries]
    return [texts[0], *[SAME] * (len(texts) - 1)] if line[0] == FULL_DATA else texts


def _pairs(pairs: Sequence[Difference]) -> str:
    return pipes([*ROW_HEADER, *DIFFERENCE_HEADER], [row_words(p) + differing(p) for p in pairs])


def pipes(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    rows = [list(header), ["---"] * len(header), *[list(line) for line in lines]]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows
    )
