"""The order of classes by sight: permutations are found, noise and look-alikes are not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fd2.errors import FD2Error
from fd2.imports.class_order import agreement, class_ids, require_order

CLASSES = ["ant", "bee", "cat", "dog"]


def seen(truth: Tensor, classes: int, share: float, seed: int) -> Tensor:
    """Answers of a teacher that is right on a share, and else says any class."""
    draws = torch.Generator().manual_seed(seed)
    luck = torch.randint(classes, truth.shape, generator=draws)
    return torch.where(torch.rand(truth.shape, generator=draws) < share, truth, luck)


@pytest.mark.parametrize(
    ("classes", "count", "share"), [(20, 1, 1.0), (10, 10, 0.6), (200, 1, 0.97), (200, 5, 0.6)]
)
def test_a_shuffled_order_is_found_again(classes: int, count: int, share: float) -> None:
    labels = torch.arange(classes).repeat_interleave(count)
    order = torch.randperm(classes, generator=torch.Generator().manual_seed(3))
    found = agreement(seen(order[labels], classes, share, 0), labels, classes, 0)
    same = sum(a == b for a, b in zip(found.shown, order.tolist(), strict=True))
    assert same >= 0.95 * classes and not found.proven
    assert found.shown_top1 > found.top1 + 0.4
    right = agreement(seen(labels, classes, share, 0), labels, classes, 0)
    assert list(right.shown) == list(range(classes)) and right.proven


def test_two_classes_that_changed_places_are_found() -> None:
    labels = torch.arange(10).repeat_interleave(10)
    truth = torch.where(labels == 3, 7, torch.where(labels == 7, 3, labels))
    found = agreement(seen(truth, 10, 0.8, 1), labels, 10, 0)
    assert found.shown == (0, 1, 2, 7, 4, 5, 6, 3, 8, 9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("classes", "count"), [(8, 5), (100, 1), (100, 10)])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.6])
def test_a_weak_teacher_speaks_for_no_other_order(
    classes: int, count: int, share: float, seed: int
) -> None:
    """Answers by luck can always be fitted by some order; that is no evidence."""
    labels = torch.arange(classes).repeat_interleave(count)
    found = agreement(seen(labels, classes, share, seed), labels, classes, 0)
    assert list(found.shown) == list(range(classes))


def test_noise_that_looks_like_one_class_is_no_order() -> None:
    labels = torch.arange(10).repeat_interleave(3)
    found = agreement(torch.full((30,), 4), labels, 10, 0)
    assert list(found.shown) == list(range(10)) and not found.proven
    assert found.of_class[4] == 1 and found.top1 == pytest.approx(0.1)


def test_the_refusal_names_an_order_that_is_right() -> None:
    """Folder p shows class order[p]: the setting it is told to write maps it there."""
    order, labels = [2, 0, 3, 1], torch.arange(4).repeat_interleave(10)
    ids = class_ids([], CLASSES, None)
    found = agreement(torch.tensor(order)[labels], labels, 4, 0)
    with pytest.raises(FD2Error, match="'ant' shows 'cat'") as refused:
        require_order(found, ids, CLASSES, "here")
    named = [CLASSES[one] for one in order]
    assert repr(named) in refused.value.fix
    assert class_ids([], CLASSES, named) == order
    # From an order that is wrong itself.
    ids = [1, 2, 3, 0]
    shown = torch.tensor(order)[torch.tensor([ids.index(c) for c in range(4)])][labels]
    found = agreement(shown, labels, 4, 0)
    with pytest.raises(FD2Error) as refused:
        require_order(found, ids, CLASSES, "here")
    assert repr(named) in refused.value.fix


def test_folders_are_classes_by_their_names_or_by_their_numbers() -> None:
    assert class_ids(["bee", "ant", "dog", "cat"], CLASSES, None) == [1, 0, 3, 2]
    assert class_ids(["000_dog", "001_cat", "002_bee", "003_ant"], CLASSES, None) == [3, 2, 1, 0]
    assert class_ids(["00000", "00001", "00002", "00003"], CLASSES, None) == [0, 1, 2, 3]
    assert class_ids(["n1", "n2", "n3", "n4"], CLASSES, ["dog", "cat", "bee", "ant"]) == [
        3,
        2,
        1,
        0,
    ]
    with pytest.raises(FD2Error, match="3 of 4 classes have names of the dataset's, not emu"):
        class_ids(["ant", "bee", "cat", "emu"], CLASSES, None)
    with pytest.raises(FD2Error, match="not the 4 classes") as refused:
        class_ids(["0", "1", "2", "3"], CLASSES, ["ant", "bee", "cat", "emu"])
    assert "dog" in refused.value.fix and "emu" in refused.value.fix
