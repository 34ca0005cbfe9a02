"""What the rows of the tables say together: of each dataset the best set, and what it is worth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from fd2.config.names import FULL_DATA, SetName
from fd2.report.intervals import STATISTICS, welch

#: Counts each class the same; equal to top-1 where classes have equally many test images.
METRIC = "balanced_top1"
RANDOM = "random"
#: Columns that no other kind of table has all of.
_OF_STUDENTS = {"asked", "repeats_asked", f"over_random_{METRIC}"}
#: Columns of names, which may be digits alone.
_NAMES = ("dataset", "method", "fd2", "variant", "student", "initialisation", "label")


class Gain(NamedTuple):
    """A row minus random real images of the same number, in percentage points.

    Attributes:
        points: the difference.
        half_width: of its 95 % t interval; None where nothing is repeated.
        labels: ``same``, ``other``, or what else the table says of the labels; empty where it
            compares with other random images.
        reference: method, FD² and variant of the random row, with slashes.
    """

    points: float
    half_width: float | None
    labels: str
    reference: str

    @property
    def side(self) -> str:
        """Where the interval lies: ``above`` or ``below`` 0, ``open`` (it holds 0), ``unknown``."""
        if self.half_width is None:
            return "unknown"
        if abs(self.points) <= self.half_width:
            return "open"
        return "above" if self.points > 0 else "below"


@dataclass(frozen=True)
class Row:
    """A row of a table of students; repeats by the same settings are one row.

    Attributes:
        set_name, ipc, student, initialisation: what it is of; ``ipc`` is None for full data.
        label: for readers.
        asked, n: students, sets or teachers that were asked for, and those that are there.
        over: which of these.
        finished: whether all are there.
        mean, sd: class-balanced top-1 in percent; None where nothing is there, and of one value.
        half_width: of the mean's 95 % t interval; None below two.
        gain: None for full data and random images, and where there is nothing to compare with.
    """

    set_name: SetName
    ipc: int | None
    student: str
    initialisation: str
    label: str
    asked: int
    n: int
    over: str
    finished: bool
    mean: float | None
    sd: float | None
    half_width: float | None
    gain: Gain | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % t interval of the mean."""
        if self.mean is None or self.half_width is None:
            return None
        return self.mean - self.half_width, self.mean + self.half_width

    @property
    def reference(self) -> float | None:
        """The mean of the random real images that the row is compared with."""
        return None if self.mean is None or self.gain is None else self.mean - self.gain.points

    @property
    def kind(self) -> str:
        """``full``, ``random`` or ``distilled``."""
        method = self.set_name.method
        return method if method in (FULL_DATA, RANDOM) else "distilled"

    @property
    def name(self) -> str:
        """Method, FD² and variant with slashes, as `Gain.reference`."""
        return f"{self.set_name.method}/{self.set_name.fd2}/{self.set_name.variant}"

    @property
    def group(self) -> tuple[int | None, str, str]:
        """What rows share that one may compare: images per class and kind of student."""
        return self.ipc, self.student, self.initialisation


@dataclass(frozen=True)
class Conclusion:
    """The rows of a dataset, in the order of the tables."""

    dataset: str
    rows: Sequence[Row] = field(repr=False)

    @cached_property
    def distilled(self) -> list[Row]:
        """Finished rows of sets that are not random."""
        return [row for row in self.rows if row.kind == "distilled" and row.finished]

    @cached_property
    def unfinished(self) -> list[Row]:
        """Rows that lack results."""
        return [row for row in self.rows if not row.finished]

    @cached_property
    def best(self) -> Row | None:
        """The distilled row with the highest mean, the first of equal ones."""
        return max(self.distilled, key=_mean, default=None)

    @cached_property
    def sides(self) -> Counter[str]:
        """How many distilled rows lie on each side of random images; see `Gain.side`."""
        return Counter(row.gain.side for row in self.distilled if row.gain)

    @cached_property
    def full(self) -> Row | None:
        """All training images: of the best row's network if there is one, the best of these."""
        rows = [row for row in self.rows if row.kind == FULL_DATA and row.finished]
        student = self.best and self.best.student
        return max(rows, key=lambda row: (row.student == student, _mean(row)), default=None)

    @cached_property
    def stronger(self) -> Row | None:
        """The best random row above the best distilled one, under any labels."""
        best = self.best
        if best is None:
            return None
        higher = [
            row
            for row in self.rows
            if (row.kind, row.finished, row.group) == (RANDOM, True, best.group)
            and _mean(row) > _mean(best)
        ]
        return max(higher, key=_mean, default=None)

    @cached_property
    def shortfall(self) -> Gain | None:
        """The best distilled row minus `stronger`."""
        best, stronger = self.best, self.stronger
        if best is None or stronger is None:
            return None
        if best.gain and best.gain.reference == stronger.name:
            return best.gain
        sides = welch(_statistics(best), _statistics(stronger))
        points, half = (_known(side[METRIC].iloc[0]) for side in sides)
        return Gain(points, half, labels="", reference=stronger.name)


def conclusions(tables: Iterable[Path]) -> list[Conclusion]:
    """What tables of students say, by dataset; other tables and missing files say nothing.

    A row that several tables have is taken from the first that has something to compare it with.

    Args:
        tables: csv files, see `fd2.tables.students`.
    """
    rows: dict[str, dict[tuple[Any, ...], Row]] = {}
    for path in tables:
        if not path.is_file():
            continue
        names = dict.fromkeys(_NAMES, str)
        frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=names)
        if not _OF_STUDENTS.issubset(frame):
            continue
        # Published numbers alone have no variant.
        for line in frame[frame["variant"].notna()].to_dict("records"):
            row = _row({str(name): _known(value) for name, value in line.items()})
            own = rows.setdefault(row.set_name.dataset, {})
            key = _repeated(row)
            if key not in own or (own[key].gain is None and row.gain is not None):
                own[key] = row
    return [Conclusion(dataset, list(own.values())) for dataset, own in rows.items()]


def _row(line: dict[str, Any]) -> Row:
    repeated = line["over"] not in (None, "students")
    start = f"repeats_{METRIC}" if repeated else METRIC
    asked, n = int(line["asked"]), int(line["n"])
    finished = n == asked > 0
    if repeated:
        asked, n = int(line["repeats_asked"]), int(line["repeats"] or 0)
        finished &= n == asked
    points = line[f"over_random_{METRIC}"]
    gain = None
    if points is not None:
        half = line[f"over_random_{METRIC}_half_width"]
        gain = Gain(points, half, line["over_random_labels"], line["over_random_reference"])
    return Row(
        set_name=SetName(line["dataset"], line["method"], line["fd2"], line["variant"]),
        ipc=None if line["ipc"] is None else int(line["ipc"]),
        student=line["student"],
        initialisation=line["initialisation"] or "",
        label=line["label"],
        asked=asked,
        n=n,
        over=line["over"] or "students",
        finished=finished,
        mean=line[f"{start}_mean"],
        sd=line[f"{start}_sd"],
        half_width=line[f"{start}_half_width"],
        gain=gain,
    )


def _repeated(row: Row) -> tuple[Any, ...]:
    """Equal for rows that stand for the same numbers."""
    name = row.set_name
    if row.over == "students":
        return (*row.group, name)
    return (*row.group, name.method, name.fd2, row.over, row.mean, row.gain)


def _statistics(row: Row) -> pd.DataFrame:
    """One line, as `welch` takes it."""
    values = [row.mean, math.nan if row.sd is None else row.sd**2, row.n]
    return pd.DataFrame([values], columns=pd.MultiIndex.from_product([[METRIC], STATISTICS]))


def _mean(row: Row) -> float:
    assert row.mean is not None
    return row.mean


def _known(value: Any) -> Any:
    return None if pd.isna(value) else value
