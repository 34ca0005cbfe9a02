"""Which classes are easy and which hard, on complexities that are made for it."""

from __future__ import annotations

import pytest

from fd2.diagnostics.easy_and_hard import easy_and_hard, mean_complexity


@pytest.mark.parametrize(
    ("complexity", "easy", "hard"),
    [
        ([0.4, 0.1, 0.3, 0.2], [1, 3], [0, 2]),
        ([0.5, 0.1, 0.3, 0.2, 0.4], [1, 3], [0, 4]),
        ([0.5, 0.5, 0.5], [0], [2]),
        ([0.5, 0.5], [0], [1]),
        ([0.5], [], []),
    ],
)
def test_halves(complexity: list[float], easy: list[int], hard: list[int]) -> None:
    """As large as each other: of an odd number the middle class belongs to neither."""
    assert easy_and_hard([[own] for own in complexity], 0) == (easy, hard)


def test_so_many_of_each() -> None:
    found = [[0.4], [0.1], [0.3], [0.2], [0.5]]
    assert easy_and_hard(found, 0, 1) == ([1], [4])
    assert easy_and_hard(found, 0, 2) == easy_and_hard(found, 0) == ([1, 3], [0, 4])


def test_classes_alike_at_the_threshold_are_told_apart_by_all() -> None:
    found = [[0.4, 0.9, 0.9], [0.1, 0.9, 0.9], [0.0, 0.95, 1.0], [0.2, 0.9, 0.9]]
    assert easy_and_hard(found, 1) == ([1, 3], [0, 2])
    assert easy_and_hard(found, 0) == ([1, 2], [0, 3])


def test_means_are_over_classes() -> None:
    assert mean_complexity([[0.25, 1.0], [0.5, 0.5]]) == [0.375, 0.75]
    assert mean_complexity([]) is None
