"""Replayed pixels against single images cut, turned and pasted one at a time."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fd2.replay.plan import plan_augmentation
from fd2.replay.view import HalfBatch, Replay

COUNT, EPOCHS, SIZE = 9, 3, 20


def drawn() -> tuple[Tensor, Replay, dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(COUNT, 3, SIZE, SIZE, generator=generator)
    plan = plan_augmentation(
        ("view",), COUNT, EPOCHS, SIZE, batch_size=8, crop_scale=(0.1, 1.0), cutmix_alpha=1.0
    )
    return images, Replay(images, plan), vars(plan)


def seen(image: Tensor, box: Tensor, flip: Tensor) -> Tensor:
    top, left, height, width = (round(float(v) * SIZE) for v in box)
    piece = image[None, :, top : top + height, left : left + width].double()
    shown = interpolate(piece, size=(SIZE, SIZE), mode="bilinear", align_corners=False)[0]
    return shown.flip(2) if flip else shown


def all_halves(replay: Replay, epoch: int) -> list[HalfBatch]:
    return [half for batch in replay.epoch(epoch) for half in batch]


def test_pixels_equal_single_images() -> None:
    images, replay, plan = drawn()
    for epoch in range(EPOCHS):
        for half in all_halves(replay, epoch):
            for row, i in enumerate(half.ids.tolist()):
                j = int(plan["partners"][epoch, i])
                y0, y1, x0, x1 = plan["mix_boxes"][epoch, i].tolist()
                expected = seen(images[i], plan["boxes"][epoch, i], plan["flips"][epoch, i])
                other = seen(images[j], plan["boxes"][epoch, j], plan["flips"][epoch, j])
                expected[:, y0:y1, x0:x1] = other[:, y0:y1, x0:x1]
                torch.testing.assert_close(half.images[row].double(), expected, rtol=0, atol=1e-5)
                assert int(half.partners[row]) == j
                share = 1 - (y1 - y0) * (x1 - x0) / SIZE**2
                assert abs(float(half.own_share[row]) - share) < 1e-6


def test_an_epoch_shows_every_image_once_in_stored_order() -> None:
    _, replay, plan = drawn()
    for epoch in range(EPOCHS):
        halves = all_halves(replay, epoch)
        assert [len(half.ids) for half in halves] == plan["half_sizes"].tolist()
        assert torch.equal(torch.cat([half.ids for half in halves]), plan["order"][epoch])


def test_epochs_replay_in_any_order_to_the_bit() -> None:
    _, replay, _ = drawn()
    forward = {e: all_halves(replay, e) for e in range(EPOCHS)}
    backward = {e: all_halves(replay, e) for e in reversed(range(EPOCHS))}
    for epoch in range(EPOCHS):
        for one, other in zip(forward[epoch], backward[epoch], strict=True):
            assert torch.equal(one.images, other.images)


def test_images_are_left_as_they_were() -> None:
    images, replay, _ = drawn()
    before = images.clone()
    all_halves(replay, 0)
    assert torch.equal(images, before)
