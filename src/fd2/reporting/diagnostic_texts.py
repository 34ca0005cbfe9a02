"""The table of diagnoses as tidy data, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from fd2.reporting.caption import listed, missing
from fd2.reporting.diagnostics import MEASURES, DiagnosticEntry, DiagnosticTable
from fd2.reporting.latex import environment, escape, preamble
from fd2.reporting.markdown import heading, missing_results, pipes
from fd2.reporting.wording import MISSING, NO_SPREAD

_HEADER = (
    *("set", "IPC", "variance in class", "centre distance", "nearest centre", "margin"),
    *("attention distance", "coverage of group", "coverage of image"),
)
_DEFINITIONS = (
    "Numbers of sets in the feature space of a network, each feature of length 1, and of its "
    "attention. Variance in class: mean over classes of the summed squared distances to the "
    "class's centre over n − 1; low is compact. Centre distance: mean over pairs of classes; "
    "nearest centre: mean over classes of the distance to the nearest other centre. Margin: "
    "distance to the nearest centre of another class minus that to the mean of the other images of "
    "the own class, mean over classes; below 0 a nearest-centre classifier errs.",
    "Attention distance: mean over pairs of images in a group of the distance of FD² eq. 10, 0 for "
    "equal maps. Coverage: share of the map where the mean attention map of some image of the "
    "group, or of one image, is above half its peak. A network without attention head (plain) "
    "shows its channel-mean activation map instead, which compares with no other network's "
    "numbers.",
    "Centres of few images lie apart by chance: compare sets of the same IPC, and with random real "
    "images, not with all real ones. Networks are not compared with each other either.",
    "Each set was made once, so that a difference has no spread beside it.",
)


def diagnostic_frame(table: DiagnosticTable) -> pd.DataFrame:
    """One line a row of the sheet; empty where unknown.

    Returns:
        Columns: the row's names and label, ``group_size``, ``attention``, the numbers of
        `fd2.reporting.diagnostics.MEASURES`, ``protocol``, and ``missing``: the command for what
        is not there.
    """
    frame = pd.DataFrame([_record(entry) for entry in table.entries])
    return frame.astype({"ipc": "Int64", "group_size": "Int64"})


def _record(entry: DiagnosticEntry) -> dict[str, object]:
    found = entry.found
    return {
        **vars(entry.row),
        "label": entry.label,
        "group_size": None if found is None else found.group_size,
        "attention": None if found is None else found.attention,
        **{name: None if found is None else found.measures[name] for name in MEASURES},
        "protocol": "" if found is None else found.protocol,
        "missing": f"snakemake {entry.path}" if found is None else "",
    }


def diagnostic_markdown(table: DiagnosticTable) -> str:
    """The caption, a grid for each dataset and network, FD² minus plain, and what is missing."""
    parts = [heading(table.name, diagnostic_caption(table))]
    for (dataset, network), entries in _blocks(table).items():
        parts += [f"## {dataset}, seen by {network}", pipes(_HEADER, [_words(e) for e in entries])]
    if differences := _differences(table):
        header = ("dataset", "network", *_HEADER)
        parts += ["## Differences: with FD² minus without", pipes(header, differences)]
    return "\n\n".join([*parts, *missing_results([str(path) for path in table.missing])]) + "\n"


def diagnostic_latex(table: DiagnosticTable) -> str:
    """A ``table`` environment for each dataset and network; needs booktabs and amssymb."""
    floats = []
    for number, ((dataset, network), entries) in enumerate(_blocks(table).items(), start=1):
        first = f"tab:{table.name}"
        notes = escape(" ".join(diagnostic_caption(table)))
        text = notes if number == 1 else rf"Notes as in Table~\ref{{{first}}}."
        body = [" & ".join(escape(word) for word in _words(entry)) + r" \\" for entry in entries]
        tabular = [
            rf"\begin{{tabular}}{{l{'c' * (len(_HEADER) - 1)}}}",
            r"\toprule",
            " & ".join(escape(word) for word in _HEADER) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
        title = escape(f"{dataset}, seen by {network}. ")
        label = first if number == 1 else f"{first}-{number}"
        floats.append(environment(title + text, label, tabular))
    return preamble() + "\n".join(floats)


def diagnostic_caption(table: DiagnosticTable) -> list[str]:
    """Sentences on definitions, groups, preset, hardware, commits and gaps."""
    found = table.found
    sentences = list(_DEFINITIONS)
    if found:
        commits = listed(
            (one.commit or "unknown")[:10] + (" with uncommitted changes" if one.dirty else "")
            for one in found
        )
        sentences += [
            f"Images in a group: {listed(str(one.group_size) for one in found)}.",
            f"Preset: {listed(one.protocol for one in found)}.",
            f"Hardware: {listed(one.device_name for one in found)}.",
            f"Commits: {commits}.",
        ]
    else:
        sentences.append("Preset: no result yet.")
    if table.missing:
        sentences.append(missing(len(table.missing), len(table.entries)))
    return sentences


def _blocks(table: DiagnosticTable) -> dict[tuple[str, str], list[DiagnosticEntry]]:
    """Rows by dataset and network, in the order of the sheet."""
    blocks: dict[tuple[str, str], list[DiagnosticEntry]] = {}
    for entry in table.entries:
        blocks.setdefault((entry.row.dataset, entry.network), []).append(entry)
    return blocks


def _words(entry: DiagnosticEntry) -> list[str]:
    words = [entry.label, NO_SPREAD if entry.row.ipc is None else str(entry.row.ipc)]
    if entry.found is None:
        return [*words, *[MISSING] * len(MEASURES)]
    return words + [_number(entry.found.measures[name]) for name in MEASURES]


def _differences(table: DiagnosticTable) -> list[Sequence[str]]:
    lines: list[Sequence[str]] = []
    for plain, fd2 in table.pairs():
        line = [fd2.row.dataset, fd2.network, fd2.label, str(fd2.row.ipc)]
        for name in MEASURES:
            values = [e.found.measures[name] for e in (plain, fd2) if e.found is not None]
            known = [value for value in values if value is not None]
            line.append(_number(known[1] - known[0], "+") if len(known) == 2 else NO_SPREAD)
        lines.append(line)
    return lines


def _number(value: float | None, sign: str = "") -> str:
    """Three decimals, with ``+0.000`` also for a tiny negative difference; a dash for None."""
    if value is None:
        return NO_SPREAD
    return f"{round(value, 3) + 0.0:{sign}.3f}".replace("-", "−")
