"""Windows of attention against brute force, and the average over layers against its recursion."""

from __future__ import annotations

import pytest
import torch

from fd2.errors import FD2Error
from fd2.matching.class_attention import attention_of, window_side, window_sums


def drawn(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("grid", "side"), [(7, 5), (9, 7), (4, 4), (5, 1)])
def test_sums_are_those_of_all_windows(grid: int, side: int) -> None:
    maps = drawn(3, grid, grid)
    found = window_sums(maps, side)
    across = grid - side + 1
    assert found.shape == (3, across, across)
    for number in range(3):
        for i in range(across):
            for j in range(across):
                inside = [maps[number, i + u, j + v] for u in range(side) for v in range(side)]
                assert float(found[number, i, j]) == pytest.approx(float(sum(inside)))


def test_a_planted_bright_window_is_found() -> None:
    maps = 0.01 * drawn(9, 7, 7)
    corners = [(i, j) for i in range(3) for j in range(3)]
    for number, (i, j) in enumerate(corners):
        maps[number, i : i + 5, j : j + 5] += 1
    best = window_sums(maps, 5).flatten(1).argmax(1)
    assert [divmod(int(at), 3) for at in best] == corners


def test_a_window_larger_than_the_map_is_refused() -> None:
    with pytest.raises(FD2Error, match="8 patches in a map of 7"):
        window_sums(drawn(1, 7, 7), 8)


@pytest.mark.parametrize(
    ("grid", "ratio", "side"),
    [(7, 0.8, 5), (14, 0.8, 11), (9, 0.8, 7), (5, 0.8, 4), (100, 0.29, 29), (4, 0.1, 1), (7, 1, 7)],
)
def test_the_side_is_rounded_down_but_at_least_a_patch(grid: int, ratio: float, side: int) -> None:
    assert window_side(grid, ratio) == side


@pytest.mark.parametrize("depth", [2, 4, 12])
def test_the_moving_average_starts_at_the_fourth_layer(depth: int) -> None:
    attention = drawn(2, depth, 3, 4, 4)
    average = torch.zeros(2, 4, 4, dtype=torch.float64)
    for layer in range(min(3, depth - 1), depth):
        average = 0.99 * average + 0.01 * attention[:, layer].mean(1)
    torch.testing.assert_close(attention_of(attention, "ema", normalised=False), average)
    whole = attention_of(attention, "ema", normalised=True)
    torch.testing.assert_close(whole, average / average.sum((1, 2), keepdim=True))
    last = attention_of(attention, "last", normalised=False)
    torch.testing.assert_close(last, attention[:, -1].mean(1))
