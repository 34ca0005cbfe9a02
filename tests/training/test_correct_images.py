"""Which images are right, as text: places, classes that do not occur, and what scores say."""

from __future__ import annotations

import pytest
import torch

from fd2.training.accuracy import accuracies
from fd2.training.correct_images import correct_images


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
