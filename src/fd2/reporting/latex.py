"""A table as LaTeX with booktabs."""

from __future__ import annotations

from itertools import groupby

from fd2.config.cells import FULL_DATA
from fd2.reporting.caption import caption
from fd2.reporting.table import Entry, Key, Table
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
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def escape(text: str) -> str:
    """Text that LaTeX prints as it stands, with ², ±, minus and dash in plain commands."""
    return text.translate(str.maketrans(_ESCAPES))


def latex(table: Table) -> str:
    """A whole ``table`` environment; needs the package booktabs."""
    columns = len(table.columns)
    body = [_line(table, key) for key in table.lines if key[0] == FULL_DATA]
    if body and len(body) < len(table.lines):
        body.append(r"\midrule")
    body += [_line(table, key) for key in table.lines if key[0] != FULL_DATA]
    parts = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(' '.join(caption(table)))}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{l{'c' * columns}}}",
        r"\toprule",
        *_header(table),
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(parts) + "\n"


def _header(table: Table) -> list[str]:
    spans, rules, start = [], [], 2
    for dataset, columns in groupby(table.columns, key=lambda column: column[0]):
        width = len(list(columns))
        spans.append(_span(width, escape(dataset)))
        rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
        start += width
    counts = [f"IPC {ipc}" if ipc is not None else "" for _, ipc in table.columns]
    return [rf" & {' & '.join(spans)} \\", "".join(rules), rf"Method & {' & '.join(counts)} \\"]


def _line(table: Table, key: Key) -> str:
    entries = _spans(table, key)
    lines = [[escape(table.label(key)), *(_span(w, escape(_text(e))) for e, w in entries)]]
    if any(entry is not None and entry.row.published is not None for entry, _ in entries):
        texts = [_span(w, escape(published(e) if e else "")) for e, w in entries]
        lines.append([r"\quad published top-1 (ours minus it)", *texts])
    return "\n".join(rf"{' & '.join(line)} \\" for line in lines)


def _spans(table: Table, key: Key) -> list[tuple[Entry | None, int]]:
    """A line's entries with the number of columns that each fills."""
    if key[0] != FULL_DATA:
        return [(table.entry(key, dataset, ipc), 1) for dataset, ipc in table.columns]
    by_dataset = groupby(table.columns, key=lambda column: column[0])
    return [(table.entry(key, name, None), len(list(columns))) for name, columns in by_dataset]


def _text(entry: Entry | None) -> str:
    return scores(entry) if entry else ""


def _span(width: int, text: str) -> str:
    return rf"\multicolumn{{{width}}}{{c}}{{{text}}}" if width > 1 else text
