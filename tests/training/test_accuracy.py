"""Accuracies against counting, and the release's figure against its loop."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fd2.training.accuracy import accuracies, running_average_top1


def drawn(seed: int, count: int = 103, classes: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (count,), generator=generator) ** 2 // classes
    guess = torch.randint(classes, (count,), generator=generator)
    return torch.where(torch.rand(count, generator=generator) < 0.5, labels, guess), labels


@pytest.mark.parametrize("seed", range(5))
def test_accuracies_equal_counting(seed: int) -> None:
    predictions, labels = drawn(seed)
    hits = [int(p == y) for p, y in zip(predictions, labels, strict=True)]
    per_class = []
    for c in set(labels.tolist()):
        mine = [h for h, y in zip(hits, labels.tolist(), strict=True) if y == c]
        per_class.append(sum(mine) / len(mine))
    figures = accuracies(predictions, labels)
    assert figures["top1"] == pytest.approx(100 * sum(hits) / len(hits))
    assert figures["balanced_top1"] == pytest.approx(100 * sum(per_class) / len(per_class))


def test_classes_that_do_not_occur_do_not_count() -> None:
    figures = accuracies(torch.tensor([3, 3, 0]), torch.tensor([3, 3, 3]))
    assert figures == pytest.approx({"top1": 200 / 3, "balanced_top1": 200 / 3})


def release_figure(predictions: Tensor, labels: Tensor, batch_size: int) -> float:
    """After every batch, hits so far over images so far; then the mean over batches."""
    hits, images, figures = 0, 0, []
    for start in range(0, len(labels), batch_size):
        batch = slice(start, start + batch_size)
        hits += int((predictions[batch] == labels[batch]).sum())
        images += len(labels[batch])
        figures.append(100 * hits / images)
    return sum(figures) / len(figures)


@pytest.mark.parametrize(("count", "batch_size"), [(103, 4), (8, 4), (3, 4), (5, 1), (9, 100)])
def test_running_average_equals_the_releases_loop(count: int, batch_size: int) -> None:
    predictions, labels = drawn(7, count)
    expected = release_figure(predictions, labels, batch_size)
    assert running_average_top1(predictions, labels, batch_size) == pytest.approx(expected)


def test_the_running_average_is_not_the_accuracy() -> None:
    """Sorted by class, an early class that fails pulls the figure down: 50 % are right."""
    labels = torch.tensor([0] * 4 + [1] * 4)
    predictions = torch.ones(8, dtype=torch.long)
    assert accuracies(predictions, labels)["top1"] == 50
    assert running_average_top1(predictions, labels, 4) == 25
