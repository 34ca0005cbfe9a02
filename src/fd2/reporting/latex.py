"""A table as LaTeX with booktabs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fd2.config.cells import FULL_DATA
from fd2.reporting.blocks import Block, Line
from fd2.reporting.caption import caption
from fd2.reporting.entry import Entry
from fd2.reporting.gain_texts import TITLE, narrow_gain_grid
from fd2.reporting.gains import gains
from fd2.reporting.repeated_texts import sections
from fd2.reporting.table import Table
from fd2.reporting.wording import published, scores

_ESCAPES: dict[str, str | int | None] = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: "\\" + character for character in "&%$#_{}"},
    "²": r"\textsuperscript{2}",
    "±": r"$\pm$",
    "−": r"$-$",
    "–": "--",
    "✓": r"$\checkmark$",
    "✗": r"$\times$",
    "ρ": r"$\rho$",
    "α": r"$\alpha$",
    "λ": r"$\lambda$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def escape(text: str) -> str:
    """Text that LaTeX prints as it stands, with ², ±, minus, dash and marks as commands."""
    return text.translate(str.maketrans(_ESCAPES))


def latex(table: Table) -> str:
    """A ``table`` environment a block; needs the packages booktabs and amssymb.

    The first has the whole caption and the label ``tab:NAME``, the others ``tab:NAME-2`` and so on.
    """
    notes = " ".join(caption(table))
    floats = []
    for number, block in enumerate(table.blocks, start=1):
        first = f"tab:{table.name}"
        label = first if number == 1 else f"{first}-{number}"
        text = escape(notes) if number == 1 else rf"Notes as in Table~\ref{{{first}}}."
        title = "" if block.alone else f"{escape(block.title)}. "
        floats.append(environment(title + text, label, _tabular(block)))
    if pairs := gains(table):
        text = (
            f"{TITLE}, in percentage points, and the standard deviation over seeds pooled over "
            "both rows; in brackets the standard error by the images tested. Other labels: those "
            "of the plain teacher. "
            rf"Notes as in Table~\ref{{tab:{table.name}}}."
        )
        floats.append(environment(text, f"tab:{table.name}-gain", grid(*narrow_gain_grid(pairs))))
    for section in sections(table):
        text = escape(f"{section.title}. {section.explanation}")
        text += " In brackets the standard error by the images tested."
        text += rf" Notes as in Table~\ref{{tab:{table.name}}}."
        label = f"tab:{table.name}-{section.name}"
        floats.append(environment(text, label, grid(*section.narrow_grid())))
    return preamble() + "\n".join(floats)


def preamble() -> str:
    """What the document must load, as comments."""
    return "% needs \\usepackage{booktabs,amssymb}\n"


def environment(caption: str, label: str, tabular: list[str]) -> str:
    """A ``table`` environment around the lines of a ``tabular``."""
    parts = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{caption}}}",
        rf"\label{{{label}}}",
        *tabular,
        r"\end{table}",
    ]
    return "\n".join(parts) + "\n"


def grid(header: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a ``tabular``: the first column is text, the others are centred."""
    return [
        rf"\begin{{tabular}}{{l{'c' * (len(header) - 1)}}}",
        r"\toprule",
        rf"{' & '.join(escape(word) for word in header)} \\",
        r"\midrule",
        *(rf"{' & '.join(escape(word) for word in line)} \\" for line in lines),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _tabular(block: Block) -> list[str]:
    body = [_line(block, line) for line in block.lines if line[0] == FULL_DATA]
    if body and len(body) < len(block.lines):
        body.append(r"\midrule")
    body += [_line(block, line) for line in block.lines if line[0] != FULL_DATA]
    columns = len(block.counts)
    counts = [f"IPC {count}" if count is not None else "" for count in block.counts]
    title = block.dataset if block.alone else block.title
    return [
        rf"\begin{{tabular}}{{l{'c' * columns}}}",
        r"\toprule",
        rf" & {_span(columns, escape(title))} \\",
        rf"\cmidrule(lr){{2-{1 + columns}}}",
        rf"Method & {' & '.join(counts)} \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _line(block: Block, line: Line) -> str:
    lines = [[escape(block.label(line)), *_texts(block, line, scores)]]
    if any(entry.key == line and entry.row.published for entry in block.entries):
        lines.append([r"\quad published top-1 (ours minus it)", *_texts(block, line, published)])
    return "\n".join(rf"{' & '.join(words)} \\" for words in lines)


def _texts(block: Block, line: Line, text: Callable[[Entry], str]) -> list[str]:
    """A line's texts for each column; full data spans all."""
    entries = [block.entry(line, count) for count in block.counts]
    texts = [escape(text(entry)) if entry is not None else "" for entry in entries]
    return [_span(len(texts), texts[0])] if line[0] == FULL_DATA else texts


def _span(width: int, text: str) -> str:
    return rf"\multicolumn{{{width}}}{{c}}{{{text}}}" if width > 1 else text
