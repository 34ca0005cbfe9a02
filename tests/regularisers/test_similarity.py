"""FD² eq. 10 against plain loops in float64, and how earlier maps are compared."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fd2.augment.views import Views, identity
from fd2.networks.teacher import TeacherOutput
from fd2.regularisers import similarity
from fd2.regularisers._interface import Step
from fd2.regularisers.similarity import similarity_loss

K, B, M, SIZE = 2, 3, 2, 4


def example(k: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(k + 1, 3, 2, 4, 4, generator=generator, dtype=torch.float64)
    return maps[0], maps[1:]


@pytest.mark.parametrize("k", [1, 3])
def test_equals_plain_loops(k: int) -> None:
    attention, earlier = example(k)
    expected = 0.0
    for b in range(3):
        total = 0.0
        for j in range(k):
            one, other = attention[b].flatten(), earlier[j, b].flatten()
            lengths = float(one.square().sum()) ** 0.5 + float(other.square().sum()) ** 0.5
            total += float((one - other).square().sum()) ** 0.5 / (lengths + 1e-6)
        expected += 1 - total / k
    assert similarity_loss(attention, earlier).item() == pytest.approx(expected / 3, rel=1e-12)


def test_no_earlier_image_gives_zero() -> None:
    attention, earlier = example(0)
    loss = similarity_loss(attention, earlier)
    assert loss.item() == 0 and loss.shape == () and loss.dtype == torch.float64


def test_identical_maps_give_one_and_a_finite_gradient() -> None:
    attention, _ = example(1)
    attention.requires_grad_()
    loss = similarity_loss(attention, attention.detach().expand(2, -1, -1, -1, -1))
    loss.backward()
    assert loss.item() == 1
    assert attention.grad is not None and attention.grad.isfinite().all()


def test_half_precision_maps_give_a_float32_loss() -> None:
    attention, earlier = example(2)
    loss = similarity_loss(attention.bfloat16(), earlier.float())
    assert loss.dtype == torch.float32
    assert similarity_loss(attention.bfloat16(), earlier[:0]).dtype == torch.float32
    assert loss.item() == pytest.approx(similarity_loss(attention, earlier).item(), abs=1e-2)


def maps(size: int = SIZE, k: int = K) -> Tensor:
    return torch.rand(k, B, M, size, size, generator=torch.Generator().manual_seed(size))


def views() -> Views:
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.25, 0.0, 0.5, 0.5], [0.0, 0.5, 0.5, 0.5]])
    return Views(boxes, torch.tensor([True, False, True]), torch.zeros(B, 2))


def loss(crop: str, attention: Tensor, earlier: Tensor, through: Views) -> Tensor:
    term = similarity.build({"weight": 0.2, "crop": crop})
    output = TeacherOutput(torch.zeros(B, 4), torch.zeros(B, 2, 1, 1), None, None, attention)
    images, labels = torch.zeros(B, 3, SIZE, SIZE), torch.arange(B)
    return term.loss(
        Step(images, through, labels, output, 0, None, {term.earlier_attention: earlier})
    )


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
