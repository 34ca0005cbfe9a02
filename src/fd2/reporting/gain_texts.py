"""Gains over random real images in words: a sentence a set, and grids."""

from __future__ import annotations

from collections.abc import Sequence

from fd2.reporting.difference_texts import (
    DIFFERENCE_HEADER,
    ROW_HEADER,
    differing,
    row_words,
    spread,
)
from fd2.reporting.gains import Gain
from fd2.reporting.results import METRICS
from fd2.reporting.wording import signed

TITLE = "Gain over random real images under the same labels"
Grid = tuple[list[str], list[list[str]]]


def sentences(pairs: Sequence[Gain]) -> list[str]:
    """What a user wants to know of each set whose numbers are there."""
    return [_sentence(pair) for pair in pairs if pair.value("top1") is not None]


def gain_grid(pairs: Sequence[Gain]) -> Grid:
    """Header and lines of all numbers."""
    lines = [[*row_words(pair), labels(pair), *differing(pair)] for pair in pairs]
    return [*ROW_HEADER, "labels", *DIFFERENCE_HEADER], lines


def narrow_gain_grid(pairs: Sequence[Gain]) -> Grid:
    """As `gain_grid`, for a page of paper: one column a metric, without verdicts.

    The standard error stands in brackets where it is known.
    """
    header = [*ROW_HEADER, "labels", *(metric.replace("_", " ") for metric in METRICS)]
    return header, [
        [
            *row_words(pair),
            "same" if pair.same_labels else "other",
            *(_narrow(pair, metric) for metric in METRICS),
        ]
        for pair in pairs
    ]


def labels(pair: Gain) -> str:
    """``same``, or whose labels the random images have."""
    if not pair.same_labels:
        return f"other: {pair.whose}"
    return "same" if pair.same_training else "same; students trained otherwise"


def _narrow(pair: Gain, metric: str) -> str:
    error = pair.standard_error(metric)
    brackets = "" if error is None else f" ({error:.1f})"
    return f"{signed(pair.value(metric))} ± {spread(pair, metric)}{brackets}"


def _sentence(pair: Gain) -> str:
    row, std, value = pair.entry.row, pair.pooled_std("top1"), pair.value("top1")
    lost = value is not None and round(value, 1) < 0
    under = f"other labels ({pair.whose})"
    if pair.same_labels:
        under = "the same labels"
        under += "" if pair.same_training else ", with students trained otherwise"
    error = pair.standard_error("top1")
    known = "" if error is None else f", standard error by the images tested {error:.1f}"
    if std is None:
        verdict = f"(one seed each{known}): the spread is unknown"
    else:
        verdict = pair.verdict("top1").partition(" over")[0]
        verdict = f"(spread over seeds {std:.1f}{known}): {verdict}"
        # A reader who skims must not take a loss for a gain.
        verdict += ", a loss" if lost and verdict.endswith("exceeds the spread") else ""
    return (
        f"{pair.entry.label}, {row.dataset}, {row.ipc} image{'' if row.ipc == 1 else 's'} per "
        f"class, student {row.student}: {signed(value)} points {'against' if lost else 'over'} "
        f"random real images under {under} {verdict}."
    )
