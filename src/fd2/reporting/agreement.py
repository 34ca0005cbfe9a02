"""Whether our number and a published one agree."""

from __future__ import annotations

AGREES = "agrees"
DIFFERS = "differs"
UNKNOWN = "unknown"
#: Students: how many sample standard deviations over our seeds the means may lie apart.
SPREADS = 2.0
#: Teachers are trained once, so that there is no spread: percentage points.
TEACHER_POINTS = 1.0
MARKS = {AGREES: "✓", DIFFERS: "✗"}
#: The difference of two decimal fractions carries rounding of this order.
_ROUNDING = 1e-9


def agreement(difference: float | None, tolerance: float | None) -> str:
    """The verdict on one published number.

    Args:
        difference: ours minus published, in percentage points; None while ours is missing.
        tolerance: largest difference either way that agrees; None where the spread is unknown.

    Returns:
        `AGREES`, `DIFFERS` or `UNKNOWN`; empty without a difference.
    """
    if difference is None:
        return ""
    if tolerance is None:
        return UNKNOWN
    return AGREES if abs(difference) <= tolerance + _ROUNDING else DIFFERS
