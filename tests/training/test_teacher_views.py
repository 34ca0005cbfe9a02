"""Training images and attention views of a teacher."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fd2.augment.normalise import Normaliser
from fd2.config.settings import CounterfactualAttentionSettings, TrainingAugmentation
from fd2.image_counts import even_sizes
from fd2.training.teacher_views import attention_views, augment_training, epoch_batches

NORMALISER = Normaliser((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
NOTHING = TrainingAugmentation((1.0, 1.0), "none", 0.0, "bilinear", 0.0, 0.0, 0.0, 0.0)
CAL = CounterfactualAttentionSettings(
    *(1, "kaiming_normal", 0.5, (0.5, 0.5), "exact", (0.5, 0.5), "momentum", 0.05)
)
IMAGES = torch.randint(0, 256, (24, 3, 16, 16), generator=torch.Generator().manual_seed(0)).byte()


def augmented(settings: TrainingAugmentation, seed: int = 0) -> Tensor:
    return augment_training(IMAGES, NORMALISER, settings, np.random.default_rng(seed))


def test_no_strength_changes_nothing() -> None:
    assert torch.equal(augmented(NOTHING), NORMALISER.normalise(IMAGES))


@pytest.mark.parametrize(("flip", "axes"), [("horizontal", (3,)), ("both", (2, 3))])
def test_flips_of_the_named_axes(flip: str, axes: tuple[int, ...]) -> None:
    shown = augmented(replace(NOTHING, flip=flip))
    base = NORMALISER.normalise(IMAGES)
    choices = [base, *(base.flip(axis) for axis in axes)]
    if len(axes) == 2:
        choices.append(base.flip(axes))
    found = [[torch.equal(shown[i], c[i]) for c in choices] for i in range(len(IMAGES))]
    assert all(any(row) for row in found)
    assert all(any(column) for column in zip(*found, strict=True))


@pytest.mark.parametrize("name", ["rotation", "brightness", "contrast", "saturation", "hue"])
def test_each_strength_acts(name: str) -> None:
    value = 30.0 if name == "rotation" else 0.4
    shown = augmented(replace(NOTHING, **{name: value}))
    base = NORMALISER.normalise(IMAGES)
    assert (shown - base).abs().flatten(1).amax(1).gt(0.01).double().mean() > 0.9
    assert torch.equal(shown, augmented(replace(NOTHING, **{name: value})))
    assert not torch.equal(shown, augmented(replace(NOTHING, **{name: value}), seed=1))


def test_rotated_corners_have_the_mean_colour_or_are_black() -> None:
    """The same angles either way; the nearest pixels are pixels of the image."""
    bright = torch.full((6, 3, 16, 16), 200).byte()
    smooth, nearest = (
        augment_training(
            bright,
            NORMALISER,
            replace(NOTHING, rotation=45.0, rotation_filter=rule),
            np.random.default_rng(0),
        )
        for rule in ("bilinear", "nearest")
    )
    black, lit = NORMALISER.normalise(torch.zeros(1, 3, 1, 1)), NORMALISER.normalise(bright)
    corner = smooth[:, :, 0, 0]
    assert torch.equal(corner[2], torch.zeros(3))
    at_corner = nearest[2, :, 0, 0]
    assert torch.equal(at_corner, black[0, :, 0, 0])
    is_black, is_lit = ((nearest == of).all(1) for of in (black, lit[:, :, :1, :1]))
    assert (is_black | is_lit).all() and is_black.any()
    torch.testing.assert_close(smooth[:, :, 8, 8], nearest[:, :, 8, 8])


def test_a_truncated_box_crops_less() -> None:
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    maps = torch.zeros(2, 1, 4, 4)
    maps[:, :, 1:3, 1:3] = 1.0
    drawn = [
        attention_views(
            images, maps, replace(CAL, attention_box=rule), torch.Generator().manual_seed(2)
        )
        for rule in ("exact", "truncated")
    ]
    assert not torch.equal(drawn[0][:2], drawn[1][:2]), "crops"
    assert torch.equal(drawn[0][2:], drawn[1][2:]), "drops"


def test_crops_are_boxes_of_the_named_area_enlarged() -> None:
    """On ramps over the image, a crop is a ramp of the box's ends; crop comes after flip."""
    size, count = 64, 200
    down, right = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    images = torch.stack([down, right, right.flip(1)]).mul(4).byte().expand(count, -1, -1, -1)
    plain = Normaliser((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))
    settings = replace(NOTHING, crop_scale=(0.25, 0.5))
    shown = augment_training(images, plain, settings, np.random.default_rng(3))
    # A row of the crop is as many pixels of the image as the crop is enlarged.
    tall = (shown[:, 0, -2, 5] - shown[:, 0, 1, 5]) / 4 / (size - 3)
    wide = (shown[:, 1, 5, -2] - shown[:, 1, 5, 1]) / 4 / (size - 3)
    area = tall * wide
    assert 0.24 < area.min() < 0.28 and 0.47 < area.max() < 0.52
    torch.testing.assert_close(shown[:, 1] + shown[:, 2], torch.full_like(shown[:, 1], 4 * 63))
    assert shown[:, 0].amin((1, 2)).std() > 10, "crops lie anywhere"
    flipped = augment_training(
        images, plain, replace(settings, flip="horizontal"), np.random.default_rng(3)
    )
    turned = flipped[:, 1, 5, 5] > flipped[:, 1, 5, 40]
    assert 0.3 < turned.double().mean() < 0.7


def test_crops_and_jitter_act_together() -> None:
    settings = replace(NOTHING, crop_scale=(0.3, 0.9), flip="horizontal", brightness=0.4)
    both = augmented(settings)
    assert torch.equal(both, augmented(settings))
    assert not torch.equal(both, augmented(replace(settings, brightness=0.0)))
    assert not torch.equal(both, augmented(replace(settings, crop_scale=(1.0, 1.0))))


def test_attention_views_crop_and_drop_the_bright_quarter() -> None:
    """One map that is lit at its top left: the crop is centred there, the drop erases it."""
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1)) + 1
    maps = torch.zeros(2, 1, 4, 4)
    maps[:, :, :2, :2] = 1.0
    generator = torch.Generator().manual_seed(2)
    shown = attention_views(images, maps, CAL, generator)
    crops, drops = shown.chunk(2)
    assert shown.shape == (4, 3, 16, 16)
    assert (drops[:, :, :7, :7] == 0).all()
    assert torch.equal(drops[:, :, 9:, :], images[:, :, 9:, :])
    lit = interpolate(maps, size=(16, 16), mode="bilinear", align_corners=False)[0, 0] >= 0.5
    reach = int(lit.any(1).sum()) / 16 + 0.1
    assert 0 < reach < 0.8
    side = reach * 16
    centre = 7.5 * side / 16 - 0.5
    low = int(centre)
    part = centre - low
    block = images[:, :, low : low + 2, low : low + 2]
    weights = torch.tensor([1 - part, part])
    expected = torch.einsum("bcij,i,j->bc", block, weights, weights)
    torch.testing.assert_close(crops[:, :, 7, 7], expected, rtol=0, atol=2e-3)


def test_maps_are_drawn_by_the_root_of_their_sum() -> None:
    """Maps of sums 9, 1 and 0: three quarters of the draws take the first, none the last."""
    images = torch.ones(4000, 1, 3, 3).expand(-1, 3, -1, -1)
    maps = torch.zeros(4000, 3, 3, 3)
    maps[:, 0, 0, 0] = 9.0
    maps[:, 1, 2, 2] = 1.0
    generator = torch.Generator().manual_seed(3)
    _, drops = attention_views(images, maps, CAL, generator).chunk(2)
    first = (drops[:, 0, 0, 0] == 0).double().mean()
    second = (drops[:, 0, 2, 2] == 0).double().mean()
    assert float(first) == pytest.approx(0.75, abs=0.03)
    assert float(first + second) == pytest.approx(1.0, abs=0.003)


def test_no_gradient_reaches_the_attention_maps() -> None:
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    maps = torch.rand(2, 2, 2, 2, requires_grad=True)
    ranges = replace(CAL, attention_crop=(0.4, 0.6), attention_drop=(0.2, 0.5))
    views = attention_views(images, maps, ranges, torch.Generator())
    assert not views.requires_grad


def test_an_epoch_holds_every_index_once() -> None:
    batches = epoch_batches(np.random.default_rng(0), 50, 12)
    assert [len(batch) for batch in batches] == even_sizes(50, 12)
    indices = torch.cat(batches)
    assert indices.dtype == torch.int64
    assert sorted(indices.tolist()) == list(range(50)) != indices.tolist()


def test_order_comes_from_the_generator() -> None:
    orders = [torch.cat(epoch_batches(np.random.default_rng(s), 50, 12)) for s in (0, 0, 1)]
    assert torch.equal(orders[0], orders[1]) and not torch.equal(orders[0], orders[2])
