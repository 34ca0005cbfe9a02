"""Numbers of a table as text, the same in Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from fd2.reporting.agreement import MARKS, agreement
from fd2.reporting.results import METRICS
from fd2.reporting.table import Entry

MISSING = "missing"
NO_SPREAD = "–"
ELSEWHERE = "; elsewhere "


def scores(entry: Entry) -> str:
    """``61.2 ± 1.0 / 43.0 ± 2.1``; with ``(n=2 of 3)`` when seeds are missing."""
    if not entry.results:
        return MISSING
    text = " / ".join(
        f"{entry.mean(metric):.1f} ± {unsigned(entry.std(metric))}" for metric in METRICS
    )
    if entry.missing:
        text += f" (n={len(entry.results)} of {entry.asked})"
    return text


def published(entry: Entry) -> str:
    """The published top-1 of an entry as `compared` writes it."""
    return compared(entry.row.published, entry.mean("top1"), entry.tolerance)


def compared(numbers: Sequence[float], ours: float | None, tolerance: float | None) -> str:
    """``53.4 (+7.8) ✗``: a published number, ours minus it, and whether the two agree.

    Args:
        numbers: the published ones; the second is printed elsewhere for the same cell.
        ours: in percent; None while it is missing.
        tolerance: see `agreement`; None leaves the mark out.

    Returns:
        Empty without a published number; without ours, the published numbers alone.
    """
    texts = []
    for number in numbers:
        difference = None if ours is None else ours - number
        words = [f"{number:.1f}"]
        if difference is not None:
            words.append(f"({signed(difference)})")
        words.append(MARKS.get(agreement(difference, tolerance), ""))
        texts.append(" ".join(filter(None, words)))
    return ELSEWHERE.join(texts)


def signed(value: float | None) -> str:
    """One decimal with sign, ``+0.0`` also for a tiny negative value; a dash for None."""
    return NO_SPREAD if value is None else f"{round(value, 1) + 0.0:+.1f}".replace("-", "−")


def unsigned(value: float | None) -> str:
    """One decimal, ``0.9``; a dash for None."""
    return NO_SPREAD if value is None else f"{value:.1f}"
