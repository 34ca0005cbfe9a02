"""Distance and coverage of attention within groups."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fd2.diagnostics.attention_spread import attended, attention_spread, groups_of


def one_cell_maps(*cells: int, maps: int = 1) -> Tensor:
    """Maps of 2x2 cells, each 3 at one cell and 0 elsewhere."""
    attention = torch.zeros(len(cells), maps, 4)
    attention[torch.arange(len(cells)), :, list(cells)] = 3.0
    return attention.unflatten(2, (2, 2))


def test_equal_maps_have_no_distance_and_cover_as_one_image_does() -> None:
    found = attention_spread(one_cell_maps(1, 1, 1), torch.zeros(3, dtype=torch.int64), 3)
    assert (found.group_size, found.pairwise_distance) == (3, 0.0)
    assert found.group_coverage == found.image_coverage == 0.25


def test_maps_of_different_cells_have_the_distance_of_the_formula() -> None:
    found = attention_spread(one_cell_maps(0, 1, 3, maps=2), torch.zeros(3, dtype=torch.int64), 4)
    # Length of a map: 3√2 over two maps; of a difference: 3·√2·√2.
    assert found.pairwise_distance == pytest.approx(6 / (2 * 3 * 2**0.5), rel=1e-6)
    assert (found.group_coverage, found.image_coverage) == (0.75, 0.25)


def test_groups_against_a_slow_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 1] * 5 + [1, 1, 2])
    attention = torch.rand(len(labels), 3, 4, 5, generator=generator)
    distances, covered = [], []
    for members in ([0, 2], [4, 6], [1, 3], [5, 7], [9, 10]):
        a, b = (attention[m].double().flatten() for m in members)
        distances.append(float((a - b).norm() / (a.norm() + b.norm() + 1e-6)))
        means = [attention[m].double().mean(0) for m in members]
        union = (means[0] > means[0].max() / 2) | (means[1] > means[1].max() / 2)
        covered.append(float(union.double().mean()))
    assert groups_of(labels, 2).tolist() == [[0, 2], [4, 6], [1, 3], [5, 7], [9, 10]]
    found = attention_spread(attention, labels, 2)
    assert found.pairwise_distance == pytest.approx(sum(distances) / 5, rel=1e-6)
    assert found.group_coverage == pytest.approx(sum(covered) / 5, rel=1e-9)


def test_the_order_within_a_group_does_not_matter() -> None:
    attention = torch.rand(8, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(2).repeat_interleave(4)
    order = [3, 1, 0, 2, 4, 6, 5, 7]
    first = attention_spread(attention, labels, 4)
    other = attention_spread(attention[order], labels, 4)
    assert other.pairwise_distance == pytest.approx(first.pairwise_distance, rel=1e-6)
    assert (other.group_coverage, other.image_coverage) == (
        first.group_coverage,
        first.image_coverage,
    )


def test_a_short_last_group_does_not_count() -> None:
    labels = torch.arange(2).repeat_interleave(5)
    assert groups_of(labels, 4).tolist() == [[0, 1, 2, 3], [5, 6, 7, 8]]
    assert groups_of(labels, 9).tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_one_image_a_class_has_coverage_alone() -> None:
    found = attention_spread(one_cell_maps(0, 2), torch.tensor([0, 1]), 4)
    assert (found.group_size, found.pairwise_distance) == (1, None)
    assert found.group_coverage == found.image_coverage == 0.25


def test_many_groups_are_measured_in_parts() -> None:
    attention = one_cell_maps(0, 1).repeat(200, 1, 1, 1)
    found = attention_spread(attention, torch.zeros(400, dtype=torch.int64), 2)
    assert found.pairwise_distance == pytest.approx(2**0.5 / 2, rel=1e-6)
    assert found.group_coverage == 0.5


def test_a_map_of_zeros_attends_to_nothing() -> None:
    assert not attended(torch.zeros(1, 2, 3, 3)).any()
