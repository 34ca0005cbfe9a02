"""FD² eq. 6 and 8 against the weights of the three views written out."""

from __future__ import annotations

import math

import pytest
import torch

from fd2.losses.pretrain_loss import cal_pretrain_loss, teacher_loss


def cross_entropies(logits: torch.Tensor, labels: torch.Tensor) -> list[float]:
    return [
        math.log(sum(math.exp(value) for value in row)) - row[label]
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
    ]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def example(views: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return {
        "logits": draw(4 * views, 5),
        "effects": draw(4 * views, 5),
        "features": draw(4, 7),
        "prototypes": draw(5, 7),
        "labels": torch.tensor([2, 0, 4, 2]),
    }


def slow_centre(tensors: dict[str, torch.Tensor]) -> float:
    total = []
    for f, y in zip(tensors["features"], tensors["labels"], strict=True):
        p = tensors["prototypes"][y]
        total.append(float(((f - p / float(p.square().sum()) ** 0.5) ** 2).sum()))
    return mean(total)


def test_three_views_have_the_weights_of_raw_and_augmented_images() -> None:
    tensors = example(3)
    labels = tensors["labels"]
    raw, crop, drop = (cross_entropies(rows, labels) for rows in tensors["logits"].split(4))
    effects = [cross_entropies(rows, labels) for rows in tensors["effects"].split(4)]
    expected = (
        mean(raw) / 3
        + mean(effects[0] + effects[1] + effects[2])
        + 2 / 3 * mean(crop + drop)
        + slow_centre(tensors)
    )
    assert cal_pretrain_loss(**tensors).item() == pytest.approx(expected, rel=1e-12)


def test_one_view_is_the_plain_equation() -> None:
    tensors = example(1)
    expected = (
        mean(cross_entropies(tensors["logits"], tensors["labels"]))
        + mean(cross_entropies(tensors["effects"], tensors["labels"]))
        + slow_centre(tensors)
    )
    assert cal_pretrain_loss(**tensors).item() == pytest.approx(expected, rel=1e-12)


def test_prototypes_receive_no_gradient() -> None:
    tensors = example(1)
    tensors["prototypes"].requires_grad_()
    tensors["features"].requires_grad_()
    cal_pretrain_loss(**tensors).backward()
    assert tensors["prototypes"].grad is None
    assert tensors["features"].grad is not None


@pytest.mark.parametrize("ratio", [0.0, 0.4, 1.0])
def test_teacher_loss_mixes_both_heads(ratio: float) -> None:
    tensors = example(1)
    backbone = mean(cross_entropies(tensors["effects"], tensors["labels"]))
    loss = teacher_loss(tensors["effects"], tensors["labels"], torch.tensor(2.5).double(), ratio)
    assert loss.item() == pytest.approx((1 - ratio) * backbone + ratio * 2.5, rel=1e-12)
