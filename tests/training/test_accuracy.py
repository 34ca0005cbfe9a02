"""Accuracies against counting, and the release's figure against its loop."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fd2.training.accuracy import (
    accuracies,
    correct_images,
    mistaken_images,
    running_average_top1,
)


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


def test_a_digit_an_image_in_the_order_of_its_class() -> None:
    labels = torch.tensor([2, 0, 2, 0, 2])
    predictions = torch.tensor([2, 1, 0, 0, 2])
    assert correct_images(predictions, labels, ["a", "b", "c/d é"]) == {"a": "01", "c/d é": "101"}


@pytest.mark.parametrize("seed", range(3))
def test_the_digits_add_up_to_both_accuracies(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(7, (50,), generator=generator) ** 2 // 7
    predictions = torch.where(torch.rand(50, generator=generator) < 0.6, labels, 6 - labels)
    texts = correct_images(predictions, labels, [f"class {number}" for number in range(7)])
    figures = accuracies(predictions, labels)
    right, images = (sum(map(count, texts.values())) for count in (lambda t: t.count("1"), len))
    assert (images, 100 * right / images) == (50, pytest.approx(figures["top1"]))
    shares = [text.count("1") / len(text) for text in texts.values()]
    assert 100 * sum(shares) / len(shares) == pytest.approx(figures["balanced_top1"])


def test_answers_can_be_read_back_from_what_is_right_and_what_is_not() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(12, (200,), generator=generator)
    predictions = torch.randint(12, (200,), generator=generator)
    names = [f"class {number}" for number in range(12)]
    right, mistaken = (f(predictions, labels, names) for f in (correct_images, mistaken_images))
    read = predictions.new_zeros(200)
    for number, name in enumerate(names):
        others = iter(mistaken[name].split())
        answers = [number if digit == "1" else int(next(others)) for digit in right[name]]
        read[labels == number] = torch.tensor(answers)
        assert next(others, None) is None
    assert torch.equal(read, predictions)
