"""Complexity on maps that are made for it."""

from __future__ import annotations

import pytest
import torch

from fd2.diagnostics.complexity import cells_above, class_complexity

THRESHOLDS = (0.1, 0.5, 0.9)


def test_cells_are_counted_above_and_not_at_a_threshold() -> None:
    half = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    maps = torch.stack(
        [
            torch.ones(2, 2),
            torch.zeros(2, 2),
            torch.full((2, 2), 0.5),
            half,
            torch.full((2, 2), 0.1),
        ]
    )
    assert cells_above(maps, THRESHOLDS).tolist() == [
        *([4, 4, 4], [0, 0, 0], [4, 0, 0], [2, 2, 2]),
        [0, 0, 0],
    ]


def test_an_image_is_the_more_complex_the_less_is_above() -> None:
    maps = torch.stack([torch.ones(2, 4), torch.zeros(2, 4), torch.full((2, 4), 0.5)])
    above = cells_above(maps, THRESHOLDS)
    found = class_complexity(above, 8, torch.arange(3), 3)
    assert found.tolist() == [[0, 0, 0], [1, 1, 1], [0, 1, 1]] and found.dtype == torch.float64


def test_classes_against_a_slow_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(40, 3, 5, generator=generator)
    labels = torch.randint(4, (40,), generator=generator)
    assert labels.bincount().tolist() != [10] * 4
    found = class_complexity(cells_above(maps, THRESHOLDS), 15, labels, 4)
    for label in range(4):
        for column, threshold in enumerate(THRESHOLDS):
            of_images = [
                1 - sum(value > threshold for row in one.tolist() for value in row) / 15
                for one, own in zip(maps, labels.tolist(), strict=True)
                if own == label
            ]
            assert found[label, column].item() == pytest.approx(sum(of_images) / len(of_images))
    order = torch.randperm(40, generator=generator)
    shuffled = class_complexity(cells_above(maps[order], THRESHOLDS), 15, labels[order], 4)
    assert torch.equal(shuffled, found)
