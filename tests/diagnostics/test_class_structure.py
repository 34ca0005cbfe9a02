"""Spread and distance of classes against constructed cases and a slow formula."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from fd2.diagnostics.class_structure import class_structure
from fd2.errors import FD2Error


def slow(features: Tensor, labels: Tensor) -> dict[str, float]:
    """The four numbers by loops over images and classes, in float64."""
    rows = [row.double() / row.double().norm() for row in features]
    members: dict[int, list[int]] = {}
    for position, label in enumerate(labels.tolist()):
        members.setdefault(label, []).append(position)
    classes = sorted(members)

    def mean(positions: list[int]) -> Tensor:
        return sum((rows[p] for p in positions), torch.zeros_like(rows[0])) / len(positions)

    def average(values: list[float]) -> float:
        return sum(values) / len(values)

    centres = {c: mean(members[c]) for c in classes}
    gaps = {
        (a, b): float((centres[a] - centres[b]).norm())
        for a, b in itertools.permutations(classes, 2)
    }
    variances, margins = [], []
    for c in (c for c in classes if len(members[c]) > 1):
        squares = sum(float((rows[p] - centres[c]).square().sum()) for p in members[c])
        variances.append(squares / (len(members[c]) - 1))
        own = [
            float((rows[p] - mean([q for q in members[c] if q != p])).norm()) for p in members[c]
        ]
        other = [
            min(float((rows[p] - centres[d]).norm()) for d in classes if d != c) for p in members[c]
        ]
        margins.append(average([o - i for o, i in zip(other, own, strict=True)]))
    return {
        "intra_class_variance": average(variances),
        "centre_distance": average(list(gaps.values())),
        "nearest_centre_distance": average(
            [min(gaps[c, d] for d in classes if d != c) for c in classes]
        ),
        "margin": average(margins),
    }


@pytest.fixture
def clouds() -> tuple[Tensor, Tensor]:
    """Four classes of 1, 2, 5 and 9 images in 6 dimensions, in mixed order."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0] + [1] * 2 + [2] * 5 + [3] * 9)
    centres = torch.randn(4, 6, generator=generator)
    features = centres[labels] + 0.3 * torch.randn(len(labels), 6, generator=generator)
    order = torch.randperm(len(labels), generator=generator)
    return features[order], labels[order]


def test_numbers_by_a_slow_formula(clouds: tuple[Tensor, Tensor]) -> None:
    found = class_structure(*clouds, 4)
    for name, expected in slow(*clouds).items():
        assert getattr(found, name) == pytest.approx(expected, rel=1e-6), name


def test_neither_the_order_of_images_nor_the_scale_of_features_matters(
    clouds: tuple[Tensor, Tensor],
) -> None:
    features, labels = clouds
    found = class_structure(features, labels, 4)
    lengths = torch.linspace(0.1, 9, len(labels))[:, None]
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
    other = class_structure((lengths * features)[order], labels[order], 4)
    for name in ("intra_class_variance", "centre_distance", "nearest_centre_distance", "margin"):
        assert getattr(other, name) == pytest.approx(getattr(found, name), rel=1e-6), name
    assert torch.equal(other.nearest_classes, found.nearest_classes)


def test_two_classes_at_known_centres() -> None:
    # Class 0 at angles ±90° around the first axis: mean (0, 0); class 1 twice on the third.
    features = torch.tensor([[0.0, 1, 0], [0, -1, 0], [0, 0, 5], [0, 0, 7]])
    found = class_structure(features, torch.tensor([0, 0, 1, 1]), 2)
    assert found.centre_distance == found.nearest_centre_distance == pytest.approx(1.0)
    assert found.nearest_distances.tolist() == pytest.approx([1.0, 1.0])
    assert found.nearest_classes.tolist() == [1, 0]
    # Class 0: squares 1 and 1 over n - 1 = 1; class 1: none.
    assert found.intra_class_variance == pytest.approx((2 + 0) / 2)
    # Class 0: to the other centre √2, to the other image of its own 2; class 1: 1 and 0.
    assert found.margin == pytest.approx(((2**0.5 - 2) + 1) / 2)


def test_one_image_a_class_has_no_spread() -> None:
    found = class_structure(torch.eye(3), torch.tensor([2, 0, 1]), 3)
    assert found.intra_class_variance is None and found.margin is None
    assert found.centre_distance == pytest.approx(2**0.5)


def test_a_class_without_image_is_refused() -> None:
    with pytest.raises(FD2Error, match=r"no image of class ids \[1\]"):
        class_structure(torch.eye(2), torch.tensor([0, 2]), 3)
