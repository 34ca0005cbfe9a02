"""The similarity constraint as a plug-in."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fd2.augment.views import Views, identity
from fd2.losses.regulariser import SlotContext
from fd2.losses.similarity import similarity_loss
from fd2.networks.teacher import TeacherOutput
from fd2.regularisers import similarity

K, B, M, SIZE = 2, 3, 2, 4


def maps(size: int = SIZE, k: int = K) -> Tensor:
    return torch.rand(k, B, M, size, size, generator=torch.Generator().manual_seed(size))


def output(attention: Tensor) -> TeacherOutput:
    return TeacherOutput(torch.zeros(B, 4), torch.zeros(B, 2, SIZE, SIZE), None, None, attention)


def context(earlier: Tensor) -> SlotContext:
    other_teacher = torch.zeros(1, B, M, SIZE, SIZE)
    return SlotContext(torch.arange(B), [], [other_teacher, earlier])


def views() -> Views:
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.25, 0.0, 0.5, 0.5], [0.0, 0.5, 0.5, 0.5]])
    return Views(boxes, torch.tensor([True, False, True]), torch.zeros(B, 2))


def loss(crop: str, attention: Tensor, earlier: Tensor, through: Views) -> Tensor:
    term = similarity.build({"weight": 0.2, "crop": crop})
    return term.loss(output(attention), 1, context(earlier), through)


def test_shared_crop_sees_every_earlier_map_through_the_view_of_its_image() -> None:
    attention, earlier = maps()[0] + 1, maps()
    seen = torch.stack(
        [
            torch.stack(
                [views()[b : b + 1].apply(earlier[k, b : b + 1], SIZE)[0] for b in range(B)]
            )
            for k in range(K)
        ]
    )
    got = loss("shared", attention, earlier, views())
    torch.testing.assert_close(got, similarity_loss(attention, seen))
    assert abs(got - similarity_loss(attention, earlier)) > 1e-4


def test_one_shared_view_applies_to_the_whole_batch() -> None:
    attention, earlier = maps()[0] + 1, maps()
    flip = Views(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([True]), torch.zeros(1, 2))
    got = loss("shared", attention, earlier, flip)
    torch.testing.assert_close(got, similarity_loss(attention, earlier.flip(-1)))


def test_the_same_image_through_the_same_crop_is_the_most_similar() -> None:
    whole = maps(k=1)
    seen = views().apply(whole[0], SIZE)
    assert loss("shared", seen, whole, views()).item() == pytest.approx(1, abs=1e-6)
    assert loss("independent", seen, whole, views()).item() < 0.95


def test_independent_crop_uses_maps_as_stored() -> None:
    attention, earlier = maps()[0] + 1, maps()
    got = loss("independent", attention, earlier, views())
    assert torch.equal(got, similarity_loss(attention, earlier))


@pytest.mark.parametrize("crop", ["shared", "independent"])
def test_another_map_size_is_resized_bilinearly(crop: str) -> None:
    attention, earlier = maps()[0], maps(size=7)
    resized = functional.interpolate(
        earlier.flatten(0, 1), size=(SIZE, SIZE), mode="bilinear", align_corners=False
    ).unflatten(0, (K, B))
    got = loss(crop, attention, earlier, identity(1))
    torch.testing.assert_close(got, similarity_loss(attention, resized))


@pytest.mark.parametrize("crop", ["shared", "independent"])
def test_first_image_of_a_group_has_no_similarity_term(crop: str) -> None:
    assert loss(crop, maps()[0], maps(k=0), views()).item() == 0
