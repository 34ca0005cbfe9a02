"""Each row of docs/results.md is one of its csv file, and each interval follows from its means."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import t as student_t

DOCUMENT = "docs/results.md"


def comparisons(repository: Path) -> dict[str, pd.DataFrame]:
    frames = {path.name: pd.read_csv(path) for path in (repository / "docs/results").glob("*.csv")}
    return {name: frame for name, frame in frames.items() if "half_width" in frame}


def half_width(row: pd.Series) -> float:
    """Of two means by Welch's approximation, or of paired differences, whose deviation is sd."""
    variances = [row.sd**2 / row.n]
    if row.over != "teachers, paired":
        variances.append(row.reference_sd**2 / row.n)
    total = sum(variances)
    freedom = total**2 / sum(v**2 / (row.n - 1) for v in variances)
    return float(student_t.ppf(0.975, freedom) * math.sqrt(total))


def test_every_row_is_in_its_file(repository: Path) -> None:
    frames = comparisons(repository)
    text = (repository / DOCUMENT).read_text(encoding="utf-8")
    pattern = r"^\| .* \| ([+−]?[\d.]+) ± ([\d.]+) \| (\d) (\w+) \| \[`\w+`\]\(results/([\w.]+)\)"
    rows = re.findall(pattern, text, re.MULTILINE)
    assert len(rows) == len(re.findall(r"^\| .* ± \d", text, re.MULTILINE)) > 40
    for difference, half, n, _, file in rows:
        frame = frames[file]
        same = frame.difference.sub(float(difference.replace("−", "-"))).abs() < 0.01
        assert (same & frame.half_width.sub(float(half)).abs().lt(0.01) & (frame.n == int(n))).any()


def test_intervals_follow_from_means_and_deviations(repository: Path) -> None:
    for name, frame in comparisons(repository).items():
        for _, row in frame.iterrows():
            assert row.half_width == pytest.approx(half_width(row), abs=0.051), (name, row)
            if row.over != "teachers, paired":
                # All are rounded to one decimal.
                assert abs(row["mean"] - row.reference_mean - row.difference) < 0.151, (name, row)
