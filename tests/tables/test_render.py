"""Numbers and names as each format writes them."""

from __future__ import annotations

import math

import pytest

from fd2.tables.render import latex, markdown, number, signed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b", r"a\_b"),
        ("50% & #1 $x", r"50\% \& \#1 \$x"),
        (r"\cmd{x}", r"\textbackslash{}cmd\{x\}"),
        ("~^", r"\textasciitilde{}\textasciicircum{}"),
        ("SRe²L++ ± −", r"SRe\textsuperscript{2}L++ $\pm$ $-$"),
        ("ρ < 1", r"$\rho$ \textless{} 1"),
    ],
)
def test_latex_prints_text_as_it_stands(text: str, expected: str) -> None:
    assert latex(text) == expected


def test_markdown_cells_stay_whole() -> None:
    assert markdown("a|b") == r"a\|b"


def test_numbers_never_show_minus_zero() -> None:
    values = (-0.04, 0.0, 1.25, -3.0, None, math.nan)
    assert [signed(value) for value in values] == ["+0.0", "+0.0", "+1.2", "−3.0", "–", "–"]
    assert [number(value, 2) for value in values[2:5]] == ["1.25", "−3.00", "–"]
