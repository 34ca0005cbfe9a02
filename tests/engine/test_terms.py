"""One distillation step against its formulas, written out in float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from fd2.augment.views import Views
from fd2.config import plugins
from fd2.engine.terms import TeacherTerms
from fd2.errors import FD2Error
from fd2.networks.stored_teacher import LoadedTeacher, build_teacher
from fd2.regularisers._interface import Regulariser
from fd2.regularisers.total_variation import total_variation

LABELS = torch.tensor([2, 0, 1])
#: The lower half of the image, mirrored, then rolled half an image to the right.
VIEW = Views(torch.tensor([[0.5, 0.0, 0.5, 1.0]]), torch.tensor([True]), torch.tensor([[0.0, 0.5]]))


def regularisers(characteristic: float, similarity: float) -> dict[str, Regulariser]:
    settings = {
        "characteristic": {"weight": characteristic, "alpha": 0.3, "prototypes": "normalised"},
        "similarity": {"weight": similarity, "crop": "shared"},
    }
    return {name: plugins.load("regularisers", name).build(each) for name, each in settings.items()}


def seen_by_hand(maps: Tensor) -> Tensor:
    """2x2 maps through `VIEW`: lower row for both rows, columns swapped twice."""
    lower = maps[..., 1:, :].repeat_interleave(2, -2)
    return lower.flip(-1).roll(1, -1)


@pytest.fixture
def images() -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(3, 3, 64, 64, generator=generator, dtype=torch.float64)


@pytest.fixture
def earlier() -> Tensor:
    generator = torch.Generator().manual_seed(6)
    return torch.rand(2, 3, 4, 2, 2, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("ratio", [0.0, 0.3])
@pytest.mark.parametrize(("pull", "push"), [(0.0, 0.0), (0.8, 0.0), (0.0, 0.2), (0.8, 0.2)])
def test_a_whole_step_equals_its_formulas(
    make_teacher: Callable[..., LoadedTeacher],
    slow_loss: Callable[..., Tensor],
    images: Tensor,
    earlier: Tensor,
    ratio: float,
    pull: float,
    push: float,
) -> None:
    """Value and pixel gradient of dual-head loss, batch-norm term and both regularisers."""
    teacher = make_teacher(1, 4, 0.9)
    terms = TeacherTerms(teacher, 0, ratio, 0.01, 10.0, regularisers(pull, push))
    pixels = images.clone().requires_grad_(True)
    loss = torch.stack(list(terms.losses(pixels, VIEW, LABELS, {"whole": earlier}).values())).sum()
    (gradient,) = torch.autograd.grad(loss, pixels)
    expected = slow_loss(
        teacher,
        pixels,
        LABELS,
        seen_by_hand(earlier),
        ratio=ratio,
        batch_norm=(0.01, 10.0),
        characteristic=(pull, 0.3),
        similarity=push,
    )
    (slow_gradient,) = torch.autograd.grad(expected, pixels)
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(gradient, slow_gradient, rtol=1e-6, atol=1e-10)


def test_the_ratio_of_the_teacher_is_the_default(
    make_teacher: Callable[..., LoadedTeacher], images: Tensor
) -> None:
    teacher = make_teacher(1, 4, 0.3)
    losses = []
    for ratio in (None, 0.3):
        terms = TeacherTerms(teacher, 0, ratio, 0.01, 10.0, {})
        losses.append(terms.losses(images, VIEW, LABELS, {}))
    assert losses[0] == losses[1]


def test_every_named_term_is_weighted(
    make_teacher: Callable[..., LoadedTeacher], images: Tensor, earlier: Tensor
) -> None:
    teacher = make_teacher(1, 4, 0.3)
    terms = [
        TeacherTerms(teacher, 0, None, weight, 10.0, regularisers(weight, 2 * weight))
        for weight in (0.1, 0.2)
    ]
    small, large = (each.losses(images, VIEW, LABELS, {"whole": earlier}) for each in terms)
    assert set(small) == {"class", "batch_norm", "characteristic", "similarity"}
    torch.testing.assert_close(small["class"], large["class"])
    for name in ("batch_norm", "characteristic", "similarity"):
        torch.testing.assert_close(2 * small[name], large[name])


@pytest.mark.parametrize(
    ("ratio", "weights", "named"),
    [
        (0.5, (0.0, 0.0), "cal_ratio 0.5"),
        (0.0, (1.0, 0.0), "regulariser characteristic"),
        (0.0, (0.0, 1.0), "regulariser similarity"),
    ],
)
def test_a_plain_teacher_is_refused_by_name(
    ratio: float, weights: tuple[float, float], named: str
) -> None:
    network = build_teacher("resnet10t", 3, None, initialisation="scratch", seed=0).double()
    teacher = LoadedTeacher(network.freeze(), None, {"cal_ratio": 0.0})  # type: ignore[arg-type]
    with pytest.raises(FD2Error, match="without attention head") as refused:
        TeacherTerms(teacher, 0, ratio, 0.01, 10.0, regularisers(*weights))
    assert refused.value.where == named and "leave this out" in refused.value.fix


def passes(module: nn.Module) -> list[object]:
    """Grows by one with every forward pass."""
    seen: list[object] = []
    module.register_forward_hook(lambda *_: seen.append(None))
    return seen


@pytest.mark.parametrize(("name", "runs"), [("total_variation", 0), ("characteristic", 1)])
def test_the_head_runs_only_for_a_term_that_needs_it(
    make_teacher: Callable[..., LoadedTeacher], images: Tensor, name: str, runs: int
) -> None:
    """A pixel term under a plain cell's settings; nothing but that term is added."""
    teacher = make_teacher(1, 4, 0.9)
    settings = {"weight": 0.7, "alpha": 0.3, "prototypes": "normalised"}
    term = plugins.load("regularisers", name).build(settings)
    plain, added = (TeacherTerms(teacher, 0, 0.0, 0.01, 10.0, r) for r in ({}, {name: term}))
    expected = plain.losses(images, VIEW, LABELS, {})
    head = passes(teacher.network.cal)
    losses = added.losses(images, VIEW, LABELS, {})
    assert len(head) == runs
    if name == "total_variation":
        assert torch.equal(losses.pop(name), 0.7 * total_variation(images))
    else:
        losses.pop(name)
    assert losses == expected


def test_terms_declare_which_earlier_attention_they_compare_with(
    make_teacher: Callable[..., LoadedTeacher],
) -> None:
    teacher = make_teacher(1, 4, 0.9)
    load = plugins.load("regularisers", "similarity").build
    off, shared, apart = (
        load({"weight": weight, "crop": crop})
        for weight, crop in ((0.0, "shared"), (0.1, "shared"), (0.1, "independent"))
    )
    for regularisers, forms in (
        ({"a": off}, ()),
        ({"a": shared, "b": shared}, ("whole",)),
        ({"a": shared, "b": apart}, ("crops", "whole")),
    ):
        terms = TeacherTerms(teacher, 0, 0.0, 0.01, 10.0, regularisers)
        assert terms.earlier_attention == forms
