"""The drawn augmentation: halves that cover everything, prefixes, and the messages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch

from fd2.artifacts.soft_labels import StoredAugmentation
from fd2.errors import FD2Error
from fd2.replay.plan import half_batch_sizes, plan_augmentation

PLAN: Callable[..., StoredAugmentation] = partial(
    plan_augmentation, batch_size=8, crop_scale=(0.08, 1.0), cutmix_alpha=1.0
)


@pytest.mark.parametrize("batch_size", [7, 8, 14, 20])
def test_halves_cover_all_images_and_are_never_single(batch_size: int) -> None:
    for count in range(4, 60):
        halves = half_batch_sizes(count, batch_size)
        batches = [a + b for a, b in zip(halves[::2], halves[1::2], strict=True)]
        assert sum(halves) == count and min(halves) >= 2
        assert max(batches) <= batch_size and max(batches) - min(batches) <= 1
        assert all(0 <= b - a <= 1 for a, b in zip(halves[::2], halves[1::2], strict=True))


def test_nine_images_in_batches_of_eight() -> None:
    assert half_batch_sizes(9, 8) == [2, 3, 2, 2]


@pytest.mark.parametrize(("count", "batch_size"), [(1, 8), (3, 8), (9, 2), (7, 6)])
def test_a_half_of_one_image_is_refused(count: int, batch_size: int) -> None:
    with pytest.raises(FD2Error, match=f"{count} images in batches of at most") as refused:
        half_batch_sizes(count, batch_size)
    assert "relabel.batch_size" in refused.value.place


def test_following_the_remedy_helps() -> None:
    """Five images in batches of 4 leave a single one; 7 is the least size that never does."""
    with pytest.raises(FD2Error, match="5 images") as refused:
        half_batch_sizes(5, 4)
    assert "at least 4 images in all, and give a batch size of at least 7" in refused.value.remedy
    assert half_batch_sizes(5, 7) == [2, 3]


def test_each_batch_mixes_within_itself() -> None:
    plan = PLAN(("n",), 30, 5, 32)
    for epoch in range(5):
        assert sorted(plan.order[epoch].tolist()) == list(range(30))
        batches = plan.half_sizes.unflatten(0, (-1, 2)).sum(1).tolist()
        for ids in plan.order[epoch].split(batches):
            assert sorted(plan.partners[epoch, ids].tolist()) == sorted(ids.tolist())
            assert len(plan.mix_boxes[epoch, ids].unique(dim=0)) == 1
    boxes = plan.mix_boxes
    assert (boxes[..., 0] <= boxes[..., 1]).all() and (boxes[..., 2] <= boxes[..., 3]).all()
    assert boxes.min() >= 0 and boxes.max() <= 32


def test_fewer_epochs_are_a_prefix_and_names_matter() -> None:
    plans = [PLAN(("n",), 9, 5, 32), PLAN(("n",), 9, 2, 32), PLAN(("m",), 9, 5, 32)]
    for name in ("order", "boxes", "flips", "partners", "mix_boxes"):
        long, short, other = (getattr(plan, name) for plan in plans)
        assert torch.equal(long[:2], short)
        assert not torch.equal(long, other)
    assert len(plans[0].order.unique(dim=0)) == 5
