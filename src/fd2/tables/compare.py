"""Differences with 95 % t intervals, over students' seeds, sets or teachers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fd2.config.names import FULL_DATA, RANDOM
from fd2.report.intervals import STATISTICS, of_mean, statistic, welch
from fd2.tables.records import METRICS

#: What an interval is taken over, from the least that is repeated to the most.
LEVELS = ("students", "sets", "teachers")
#: What rows must share to be compared: not the method.
_SAME = ["dataset", "ipc", "student"]
#: What several sets by the same settings share; they differ in ``image_seeds``.
_SET = [*_SAME, "method", "fd2", "labels", "training", "images"]
#: What several teachers' sets share; they differ in ``teacher_seeds``.
_TEACHER = [
    *(*_SAME, "method", "fd2", "training"),
    *("labels_of_any_teacher", "images_of_any_teacher"),
]


class Comparisons:
    """Rows of a sheet with their repeats, and differences between them.

    Args:
        rows: identity and facts (`fd2.config.row_facts`) of each row of a sheet, by position.
        cells: one row a student: ``row``, ``seed`` and `METRICS`; no others than those that exist.

    Attributes:
        rows: with ``over``, one of `LEVELS`: the most of which the sheet has several by a row's
            settings; ``repeats_asked``, how many, where there are several; and ``group``: equal for
            rows that are repeats of each other.
    """

    def __init__(self, rows: pd.DataFrame, cells: pd.DataFrame) -> None:
        self.rows = rows.assign(over="students", repeats_asked=np.nan)
        known = rows[rows["method"] != FULL_DATA]
        # Group names by level; a row's own number is that of its students.
        self._names = pd.DataFrame({"students": "students " + rows.index.astype(str)}, rows.index)
        for level, keys, unit in (
            ("sets", _SET, "image_seeds"),
            ("teachers", _TEACHER, "teacher_seeds"),
        ):
            groups = known.groupby(keys, sort=False)
            self._names[level] = f"{level} " + groups.ngroup().astype(str)
            asked = groups[unit].transform("nunique")
            asked = asked[asked > 1]
            self.rows.loc[asked.index, "over"] = level
            self.rows.loc[asked.index, "repeats_asked"] = asked
        self.rows["group"] = self._group(self.rows.index.to_series())
        self._units = pd.concat(self._all_units(cells), ignore_index=True)
        self._statistics = self._units.groupby("group")[list(METRICS)].agg(list(STATISTICS))

    def repeats(self) -> pd.DataFrame:
        """Mean, variance and count over the students, sets or teachers of each row's group."""
        return self._statistics.reindex(self.rows["group"]).set_index(self.rows.index)

    def differences(self, partners: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Each row's group minus its partner's, at the row's level.

        Over teachers the difference is taken teacher by teacher where one labels both sides.

        Args:
            partners: position of the row to compare with, by the position of the row.

        Returns:
            Difference and half width of its interval in percentage points, for each metric; NaN in
            rows without a partner or results.
        """
        ours = self.rows["group"].loc[partners.index]
        theirs = self._group(partners)
        sides = [self._statistics.reindex(side).set_index(side.index) for side in (ours, theirs)]
        difference, half = welch(*sides)
        paired = self._paired(ours, theirs)
        difference.loc[paired.index] = statistic(paired, "mean")
        half.loc[paired.index] = of_mean(paired)
        return difference.reindex(self.rows.index), half.reindex(self.rows.index)

    def _group(self, positions: pd.Series) -> pd.Series:
        """Name of the group of a row, at the level of the row by whose position it stands."""
        levels = self.rows["over"].loc[positions.index]
        names = [
            self._names.at[position, level]
            for position, level in zip(positions, levels, strict=True)
        ]
        return pd.Series(names, positions.index, dtype=object)

    def _all_units(self, cells: pd.DataFrame) -> list[pd.DataFrame]:
        """One value a student, a set and a teacher: the mean of what each has, NaN of nothing."""
        students = cells[["row", *METRICS]].assign(group=cells["row"].map(self._names["students"]))
        rows = self.rows[["image_seeds", "teacher_seeds", "labels"]].join(self._names)
        rows = rows.join(cells.groupby("row")[list(METRICS)].mean())
        rows = rows[self.rows["method"] != FULL_DATA]
        # A row with the seeds of another is the same set, not one more.
        sets = rows.drop_duplicates(["sets", "image_seeds"])
        keys = ["sets", "teachers", "teacher_seeds", "labels"]
        teachers = sets.groupby(keys, sort=False)[list(METRICS)].mean().reset_index()
        teachers = teachers.drop_duplicates(["teachers", "teacher_seeds"])
        return [
            students,
            sets.assign(group=sets["sets"]),
            teachers.assign(group=teachers["teachers"]),
        ]

    def _paired(self, ours: pd.Series, theirs: pd.Series) -> pd.DataFrame:
        """Statistics of differences teacher by teacher, of the rows where one labels both sides."""
        units = self._units[self._units["group"].str.startswith("teachers")]
        # Where several have the same labels, as with hard ones, nothing pairs them.
        units = units.drop_duplicates(["group", "labels"], keep=False)
        pairs = pd.DataFrame({"position": ours.index, "ours": ours, "theirs": theirs})
        pairs = pairs.merge(units, left_on="ours", right_on="group")
        pairs = pairs.merge(
            units, left_on=["theirs", "labels"], right_on=["group", "labels"], suffixes=("", "_r")
        )
        gains = pd.DataFrame({metric: pairs[metric] - pairs[f"{metric}_r"] for metric in METRICS})
        return gains.groupby(pairs["position"]).agg(list(STATISTICS))


def random_partners(rows: pd.DataFrame) -> pd.DataFrame:
    """For each distilled row the random real images to compare it with.

    Those whose labels have the same settings and, if there are several, whose students' training
    has; where the sheet has none, those of ``base`` without FD².

    Returns:
        By row: ``partner``, ``same_labels`` and ``same_training``.
    """
    distilled = rows[~rows["method"].isin([FULL_DATA, RANDOM])]
    pairs = _pairs(distilled, rows[rows["method"] == RANDOM], _SAME)
    for name in ("labels", "training"):
        pairs[f"same_{name}"] = pairs[name] == pairs[f"{name}_r"]
    base = (pairs["fd2_r"] == "plain") & (pairs["variant_r"] == "base")
    return _best(pairs[pairs["same_labels"] | base], ["same_labels", "same_training"])


def byte_partners(rows: pd.DataFrame) -> pd.DataFrame:
    """For each distilled row the random real images that take as many bytes, or nearly.

    Of the random rows of the same dataset and student, under any labels, that with the most
    ``bytes`` among those that take no more, and of equal ones that with the same labels; none where
    every one takes more.

    Returns:
        By row: ``partner``.
    """
    distilled = rows[~rows["method"].isin([FULL_DATA, RANDOM])]
    pairs = _pairs(distilled, rows[rows["method"] == RANDOM], ["dataset", "student"])
    pairs["same_labels"] = pairs["labels"] == pairs["labels_r"]
    return _best(pairs[pairs["bytes_r"] <= pairs["bytes"]], ["bytes_r", "same_labels"])[["partner"]]


def fd2_partners(rows: pd.DataFrame) -> pd.DataFrame:
    """For each row with FD² the row without.

    Of the same variant, or of ``base`` where the variant concerns FD² alone or changes seeds:
    without FD², its images, labels and students would be those of ``base``.
    """
    known = rows[rows["method"] != FULL_DATA]
    with_fd2 = known["fd2"] == "fd2"
    pairs = _pairs(known[with_fd2], known[~with_fd2], [*_SAME, "method"])
    pairs["same_variant"] = pairs["variant"] == pairs["variant_r"]
    base = (pairs["variant_r"] == "base") & (pairs["without_fd2"] == pairs["without_fd2_r"])
    return _best(pairs[pairs["same_variant"] | base], ["same_variant"])


def variant_partners(rows: pd.DataFrame) -> pd.DataFrame:
    """For each labelled row of a variant the row of ``base``, unless they repeat each other."""
    known = rows[rows["method"] != FULL_DATA]
    labelled, base = known[known["sheet_label"] != ""], known[known["variant"] == "base"]
    pairs = _pairs(labelled, base, [*_SAME, "method", "fd2"])
    return _best(pairs[pairs["group"] != pairs["group_r"]], [])


def _pairs(left: pd.DataFrame, right: pd.DataFrame, same: Sequence[str]) -> pd.DataFrame:
    """All pairs of rows that share some names; ``position`` and ``partner`` tell them apart."""
    left, right = left.rename_axis("position"), right.rename_axis("partner")
    return left.reset_index().merge(right.reset_index(), on=list(same), suffixes=("", "_r"))


def _best(pairs: pd.DataFrame, wishes: Sequence[str]) -> pd.DataFrame:
    """One pair a row: that which fulfils the wishes, the first of them first, then sheet order."""
    order = [*wishes, "partner"]
    ascending = [*[False] * len(wishes), True]
    best = pairs.sort_values(order, ascending=ascending).drop_duplicates("position")
    return best.set_index("position")[["partner", *wishes]].sort_index()
