"""Numbers of a table as text, the same in Markdown and LaTeX."""

from __future__ import annotations

from fd2.reporting.results import METRICS
from fd2.reporting.table import Entry

MISSING = "missing"
NO_SPREAD = "–"


def scores(entry: Entry) -> str:
    """``61.2 ± 1.0 / 43.0 ± 2.1``; with ``(n=2 of 3)`` when seeds are missing."""
    if not entry.results:
        return MISSING
    text = " / ".join(f"{entry.mean(metric):.1f} ± {_std(entry, metric)}" for metric in METRICS)
    if entry.missing:
        text += f" (n={len(entry.results)} of {entry.asked})"
    return text


def published(entry: Entry) -> str:
    """``53.4 (+7.8)``: the published top-1 and ours minus it; empty without a published number."""
    if entry.row.published is None:
        return ""
    difference = entry.difference()
    text = f"{entry.row.published:.1f}"
    return text if difference is None else f"{text} ({signed(difference)})"


def signed(value: float | None) -> str:
    """One decimal with sign, ``+0.0`` also for a tiny negative value; a dash for None."""
    return NO_SPREAD if value is None else f"{round(value, 1) + 0.0:+.1f}".replace("-", "−")


def _std(entry: Entry, metric: str) -> str:
    std = entry.std(metric)
    return NO_SPREAD if std is None else f"{std:.1f}"
