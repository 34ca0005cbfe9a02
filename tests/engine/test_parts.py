"""Codec, initial patches and planned views."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from fd2.artifacts.images import SlotImages
from fd2.augment.codec import encode
from fd2.augment.normalise import Normaliser
from fd2.engine.group import initial_patches
from fd2.engine.views import independent_views, plan_views
from fd2.errors import FD2Error
from fd2.methods._interface import Phase, Recipe

if TYPE_CHECKING:
    from tests.conftest import Chain

NORMALISER = Normaliser((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
CLASSES = ("ant", "bee", "cat", "dog")


@pytest.fixture
def photographs(chain: Chain) -> Tensor:
    from fd2.artifacts.images import read_slots

    return read_slots(chain.patches).images


def test_png_loses_nothing(photographs: Tensor) -> None:
    assert torch.equal(encode(NORMALISER.normalise(photographs), NORMALISER, "png"), photographs)


def test_jpeg_is_pillows_of_quality_75_after_truncation(photographs: Tensor) -> None:
    # A third of a level above a whole one: truncation returns to it, JPEG then changes it.
    normalised = NORMALISER.normalise((photographs.float() + 1 / 3).clamp(max=255) / 255)
    encoded = encode(normalised, NORMALISER, "jpeg75")
    assert encoded.shape == photographs.shape and encoded.dtype == torch.uint8
    assert not torch.equal(encoded, photographs)
    stream = io.BytesIO()
    pixels = photographs[1, 2].permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(stream, format="JPEG", quality=75)
    expected = np.asarray(Image.open(io.BytesIO(stream.getvalue())))
    assert np.array_equal(encoded[1, 2].permute(1, 2, 0).numpy(), expected)


def test_jpeg_of_one_channel_is_pillows_of_a_grey_picture(photographs: Tensor) -> None:
    normaliser = Normaliser(NORMALISER.mean[:1], NORMALISER.std[:1])
    levels = photographs[:, :, :1]
    encoded = encode(normaliser.normalise((levels.float() + 1 / 3) / 255), normaliser, "jpeg75")
    assert encoded.shape == levels.shape
    stream = io.BytesIO()
    Image.fromarray(levels[1, 2, 0].numpy()).save(stream, format="JPEG", quality=75)
    assert np.array_equal(encoded[1, 2, 0].numpy(), np.asarray(Image.open(stream)))


def numbered(slots: tuple[int, ...]) -> SlotImages:
    """Every pixel of slot s, class c is 10 s + c."""
    values = torch.tensor([[10 * s + c for c in range(4)] for s in slots], dtype=torch.uint8)
    return SlotImages(values[:, :, None, None, None].expand(-1, -1, 3, 2, 2), slots, {})


def test_patch_k_starts_slot_k() -> None:
    chosen = initial_patches(numbered((0, 1, 2)), 2, "by_slot", CLASSES, ("seed",), "patches")
    assert chosen[:, 0, 0, 0].tolist() == [20, 21, 22, 23]


def test_a_missing_patch_is_named() -> None:
    with pytest.raises(FD2Error, match="no patch for slot 3") as refused:
        initial_patches(numbered((0, 1, 2)), 3, "by_slot", CLASSES, ("seed",), "the file")
    assert refused.value.where == "the file" and "distill.slots" in refused.value.fix


def test_random_patches_go_with_the_name_of_the_class() -> None:
    """Drawn with replacement, per slot and class name: the order of classes does not matter."""
    patches = numbered((0, 1, 2))
    draws = {}
    for order in ((0, 1, 2, 3), (2, 0, 3, 1)):
        names = [CLASSES[c] for c in order]
        chosen = [
            initial_patches(patches, slot, "random", names, (0,), "")[:, 0, 0, 0] // 10
            for slot in range(8)
        ]
        draws[order] = torch.stack(chosen)[:, torch.tensor(order).argsort()]
    first, second = draws.values()
    assert torch.equal(first, second)
    assert len(set(first.flatten().tolist())) == 3
    assert any(len(set(row.tolist())) > 1 for row in first)


RECIPE = Recipe((Phase(32, 50),), 0.1, (0.5, 0.9), 0.01, 10.0, (0.2, 0.9), 4)


def test_views_depend_on_names_and_crops_alone() -> None:
    """Not on weights, rates or teachers: plain and FD² runs see the same crops."""
    phase = RECIPE.phases[0]
    views = plan_views(RECIPE, phase, ("a", 1))
    other = replace(RECIPE, learning_rate=9.0, batch_norm_weight=3.0, teachers_in_turn=True)
    same = plan_views(other, phase, ("a", 1))
    for name in ("boxes", "flips", "rolls"):
        assert torch.equal(getattr(views, name), getattr(same, name))
    assert not torch.equal(views.boxes, plan_views(RECIPE, phase, ("a", 2)).boxes)


def test_views_are_within_the_recipe() -> None:
    views = plan_views(RECIPE, RECIPE.phases[0], ("a", 1))
    assert len(views) == 50 and len(set(views.boxes[:, 0].tolist())) > 10
    area = views.boxes[:, 2] * views.boxes[:, 3]
    assert (area > 0.17).all() and (area < 0.95).all()
    pixels = views.rolls * 32
    assert torch.equal(pixels, pixels.round()) and pixels.min() == 0 and pixels.max() == 4
    assert 5 < views.flips.sum() < 45


def test_independent_views_follow_the_class_name_not_its_position() -> None:
    names = ["b", "a", "f", "c", "e", "d"]
    apart = independent_views(RECIPE, 32, names, ("a", 1))
    assert len(apart) == 6 and not apart.rolls.any()
    assert len(set(apart.boxes[:, 3].tolist())) > 1
    turned = independent_views(RECIPE, 32, names[::-1], ("a", 1))
    assert torch.equal(turned.boxes, apart.boxes.flip(0))
    assert torch.equal(turned.flips, apart.flips.flip(0))
