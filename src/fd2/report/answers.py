"""Which classes the students of a row get right, and which they take for each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from fd2.artifacts.records import Record, parsing
from fd2.report.conclusion import Row

#: Columns of the two frames, beside those that name a row.
_ROW = ("dataset", "method", "fd2", "variant", "ipc", "student")
CLASS_COLUMNS = (*_ROW, "class", "test_images", "students", "right")
CONFUSION_COLUMNS = (*_ROW, "class", "taken_for", "answers", "share")


@dataclass(frozen=True)
class Answers:
    """Of all students of a row together, at their last epoch.

    Attributes:
        classes: names.
        students: how many.
        images: test images of each class ``[C]``.
        counts: answers ``[C, C]``, by true class and class answered, summed over students. None
            where a record has no answers, but for those that are right: ``right``.
        right: right answers of each class ``[C]``, summed over students.
    """

    classes: Sequence[str]
    students: int
    images: np.ndarray
    right: np.ndarray
    counts: np.ndarray | None

    @property
    def accuracy(self) -> np.ndarray:
        """Of each class in percent ``[C]``; NaN of one without test images."""
        with np.errstate(invalid="ignore"):
            return np.asarray(100 * self.right / (self.students * self.images))

    @property
    def shares(self) -> np.ndarray | None:
        """The counts in percent of the answers on the true class's images ``[C, C]``."""
        if self.counts is None:
            return None
        with np.errstate(invalid="ignore"):
            return np.asarray(100 * self.counts / (self.students * self.images)[:, None])

    def look_alikes(self, most: int) -> list[tuple[int, int]]:
        """Pairs of ids, true and answered: the most frequent mistakes by share, most first."""
        shares = self.shares
        if shares is None:
            return []
        wrong = np.nan_to_num(shares)
        np.fill_diagonal(wrong, 0)
        # Stable, so that equal ones stand in the order of the classes.
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = [divmod(int(place), len(self.classes)) for place in order]
        return [pair for pair in pairs if wrong[pair] > 0]


def answers(cells: Sequence[Record], classes: Sequence[str]) -> Answers | None:
    """What students of one row answered; None for no students, or if a record does not say it.

    Raises:
        FD2Error: for a record whose answers do not fit each other or the classes.
    """
    size = len(classes)
    if not cells or not all("correct" in cell.result for cell in cells):
        return None
    counts = np.zeros((size, size), dtype=np.int64)
    images = np.zeros(size, dtype=np.int64)
    complete = all("mistaken_for" in cell.result for cell in cells)
    for cell in cells:
        with parsing(cell.path):
            digits = cell.result["correct"]
            if not digits.keys() <= set(classes):
                raise ValueError("its classes are not the manifest's")
            images = np.array([len(digits.get(name, "")) for name in classes])
            right = np.array([digits.get(name, "").count("1") for name in classes])
            counts[np.diag_indices(size)] += right
            for number, name in enumerate(classes) if complete else ():
                mistaken = cell.result["mistaken_for"].get(name, "").split()
                if len(mistaken) != images[number] - right[number]:
                    raise ValueError(f"class {number}: answers and images differ in number")
                np.add.at(counts[number], [int(answer) for answer in mistaken], 1)
    right = counts.diagonal().copy()
    return Answers(classes, len(cells), images, right, counts if complete else None)


def class_frame(rows: Iterable[tuple[Row, Answers]]) -> pd.DataFrame:
    """A line a row and class: `CLASS_COLUMNS`; ``right`` in percent, over all students."""
    lines = [
        (*_names(row), name, int(own.images[k]), own.students, own.accuracy[k])
        for row, own in rows
        for k, name in enumerate(own.classes)
    ]
    return pd.DataFrame(lines, columns=list(CLASS_COLUMNS))


def confusion_frame(rows: Iterable[tuple[Row, Answers]]) -> pd.DataFrame:
    """A line for each two classes of a row of which one was answered for the other.

    `CONFUSION_COLUMNS`: number of ``answers`` of all students, and their ``share`` in percent.
    """
    lines = []
    for row, own in rows:
        shares = own.shares
        if own.counts is None or shares is None:
            continue
        for true, named in product(range(len(own.classes)), repeat=2):
            if own.counts[true, named] and true != named:
                pair = own.classes[true], own.classes[named]
                lines.append((*_names(row), *pair, own.counts[true, named], shares[true, named]))
    return pd.DataFrame(lines, columns=list(CONFUSION_COLUMNS))


def _names(row: Row) -> tuple[object, ...]:
    name = row.set_name
    return (name.dataset, name.method, name.fd2, name.variant, row.ipc, row.student)
