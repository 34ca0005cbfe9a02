"""Numbers as tables write them."""

from __future__ import annotations

import math

from fd2.report.numbers import number, signed


def test_numbers_never_show_minus_zero() -> None:
    values = (-0.04, 0.0, 1.25, -3.0, None, math.nan)
    assert [signed(value) for value in values] == ["+0.0", "+0.0", "+1.2", "−3.0", "–", "–"]
    assert [number(value, 2) for value in values[2:5]] == ["1.25", "−3.00", "–"]
