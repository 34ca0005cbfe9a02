"""Where the marks of the page's charts stand; the words and the drawing are a template's."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from fd2.report.conclusion import Conclusion, Row

#: Pixels: of a line of text, of the strip with the mark below it, of the axis.
LINE, STRIP, AXIS = 18, 30, 24
#: Pixels from a mark to what comes below it: less from its label, to which it belongs.
_BELOW = 20
#: Letters of a label's line: with the numbers at its end it fits a telephone.
_LETTERS = 24
#: Percent of the width that is kept free at each side, where marks are wider than a point.
_MARGIN = 2.5
_STEPS = (1, 2, 5, 10, 20, 25)
_MOST_STEPS = 5
#: Percent of accuracy that an axis shows at least: a tenth of a point should not fill it.
_LEAST_RANGE = 10


@dataclass(frozen=True)
class Mark:
    """A row of a chart: ``x`` and what follows it in percent of the width, all else in pixels.

    Attributes:
        row: whose it is.
        lines: the label, wrapped.
        top, middle, bottom: of its part of the chart, and its dot.
        x: the mean; None where nothing is there.
        low, high: the 95 % interval of the mean, cut to the axis; None where there is none.
        reference: the random real images that the row is compared with.
    """

    row: Row
    lines: Sequence[str]
    top: int
    middle: int
    bottom: int
    x: float | None
    low: float | None
    high: float | None
    reference: float | None


@dataclass(frozen=True)
class Chart:
    """Rows that one may compare: of one number of images per class and one kind of student.

    Attributes:
        ipc, student, initialisation: that they share; ``ipc`` is None for full data alone.
        marks: from the top down.
        ticks: values on the axis in percent of accuracy, and their places.
        full: the place of all training images.
        height: in pixels; the axis begins at the last mark's bottom.
    """

    ipc: int | None
    student: str
    initialisation: str
    marks: Sequence[Mark]
    ticks: Sequence[tuple[int, float]]
    full: float | None
    height: int


def charts(conclusion: Conclusion) -> list[Chart]:
    """A chart for each group of rows, that of the best row first; none where nothing is there.

    Full data stands in each: it is the same whatever the number of images.
    """
    best = conclusion.best
    groups = dict.fromkeys(row.group for row in conclusion.rows if row.ipc is not None)
    order = sorted(groups, key=lambda group: best is None or group != best.group)
    full = [row for row in conclusion.rows if row.ipc is None]
    drawn = []
    for group in order:
        own = [row for row in conclusion.rows if row.group == group]
        if any(row.mean is not None for row in own):
            drawn.append(_chart([*full, *own], own[0], conclusion.full))
    return drawn


def _chart(rows: Sequence[Row], first: Row, full: Row | None) -> Chart:
    ends = [end for row in rows for end in _ends(row)]
    low, high, step = _axis(min(ends), max(ends))

    def place(value: float | None) -> float | None:
        if value is None:
            return None
        share = (min(max(value, low), high) - low) / (high - low)
        return round(_MARGIN + (100 - 2 * _MARGIN) * share, 2)

    marks, top = [], 0
    for row in rows:
        lines = textwrap.wrap(row.label, _LETTERS) or [""]
        bottom = top + LINE * len(lines) + STRIP
        low_end, high_end = row.interval or (None, None)
        marks.append(
            Mark(
                row=row,
                lines=lines,
                top=top,
                middle=bottom - _BELOW,
                bottom=bottom,
                x=place(row.mean),
                low=place(low_end),
                high=place(high_end),
                reference=place(row.reference),
            )
        )
        top = bottom
    return Chart(
        ipc=first.ipc,
        student=first.student,
        initialisation=first.initialisation,
        marks=marks,
        ticks=[(value, place(value) or 0.0) for value in range(low, high + 1, step)],
        full=place(full.mean) if full else None,
        height=top + AXIS,
    )


def _ends(row: Row) -> list[float]:
    """Everything that the axis has to reach, as far as it is an accuracy."""
    ends = (row.mean, row.reference, *(row.interval or ()))
    return [min(max(end, 0.0), 100.0) for end in ends if end is not None]


def _axis(low: float, high: float) -> tuple[int, int, int]:
    """Round ends around both, and the step between ticks, in percent of accuracy."""
    missing = max(_LEAST_RANGE - (high - low), 0.0)
    low = min(max(low - missing / 2, 0.0), 100.0 - _LEAST_RANGE)
    high = max(high, low + _LEAST_RANGE)
    for step in _STEPS:
        first, last = step * math.floor(low / step), step * math.ceil(high / step)
        if last - first <= _MOST_STEPS * step:
            break
    return first, last, step
