"""Numbers as readers see them: with their sign, as a duration, as memory; a dash for none."""

from __future__ import annotations

import math

NOTHING = "–"


def number(value: float | None, digits: int = 1) -> str:
    """A number with so many decimals; a dash for None and NaN."""
    if value is None or math.isnan(value):
        return NOTHING
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int = 1) -> str:
    """As `number`, with a sign; ``+0.0`` also for what is rounded to it from below."""
    text = number(value, digits)
    return text if text[0] in f"−{NOTHING}" else f"+{text}"


def duration(seconds: float) -> str:
    """``12.3 s``, ``4 min 05 s`` or ``3 h 07 min``; a dash for NaN."""
    if math.isnan(seconds):
        return NOTHING
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def mebibytes(value: float) -> str:
    """``793 MiB``; a dash for NaN."""
    return NOTHING if math.isnan(value) else f"{value:.0f} MiB"
