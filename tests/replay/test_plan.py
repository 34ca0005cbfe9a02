"""The drawn augmentation: halves that cover everything, prefixes, and the messages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from fd2.artifacts.images import read_distilled
from fd2.artifacts.soft_labels import StoredAugmentation
from fd2.replay.plan import plan_augmentation
from fd2.replay.view import Replay

if TYPE_CHECKING:
    from tests.conftest import Chain

PLAN: Callable[..., StoredAugmentation] = partial(
    plan_augmentation, batch_size=8, crop_scale=(0.08, 1.0), cutmix_alpha=1.0
)


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


def test_images_as_they_are(chain: Chain, nine: Path) -> None:
    """Neither cropped, flipped nor mixed; each half alone."""
    images = read_distilled(nine).images.float()
    asis = PLAN(("n",), 9, 3, 32, crop_scale=None, cutmix_alpha=None)
    for half in (
        half for epoch in range(3) for b in Replay(images, asis).epoch(epoch) for half in b
    ):
        torch.testing.assert_close(half.images, images[half.ids], rtol=0, atol=1e-3)
        assert (half.own_share == 1).all() and torch.equal(half.partners, half.ids)
    uncropped = PLAN(("n",), 9, 3, 32, crop_scale=None)
    assert (uncropped.boxes == torch.tensor([0.0, 0, 1, 1])).all() and not uncropped.flips.any()
    assert (uncropped.mix_boxes != 0).any()
    unmixed = PLAN(("n",), 9, 3, 32, cutmix_alpha=None)
    assert torch.equal(unmixed.boxes, PLAN(("n",), 9, 3, 32).boxes)
    assert not unmixed.mix_boxes.any() and len(asis.order.unique(dim=0)) == 3


def test_fewer_epochs_are_a_prefix_and_names_matter() -> None:
    plans = [PLAN(("n",), 9, 5, 32), PLAN(("n",), 9, 2, 32), PLAN(("m",), 9, 5, 32)]
    for name in ("order", "boxes", "flips", "partners", "mix_boxes"):
        long, short, other = (getattr(plan, name) for plan in plans)
        assert torch.equal(long[:2], short)
        assert not torch.equal(long, other)
    assert len(plans[0].order.unique(dim=0)) == 5
