"""Which epochs are tested, against the loops that the releases write out."""

from __future__ import annotations

import pytest

from fd2.epochs import count_tests, is_tested


@pytest.mark.parametrize("epochs", [1, 9, 10, 11, 50, 51, 400])
@pytest.mark.parametrize("every", [1, 2, 10, 500])
def test_tested_epochs(epochs: int, every: int) -> None:
    first = sorted({*range(0, epochs, every), epochs - 1})
    last = sorted({*range(every - 1, epochs, every), epochs - 1})
    for rule, expected in (("first_of_each", first), ("last_of_each", last)):
        found = [e for e in range(epochs) if is_tested(e, epochs, every, rule)]
        assert found == expected
        assert count_tests(epochs, every, rule) == len(expected)


def test_teachers_of_the_release() -> None:
    found = [e for e in range(51) if is_tested(e, 51, 10, "first_of_each")]
    assert found == [0, 10, 20, 30, 40, 50]
