"""Herding and K-Center against brute force over all candidates, K-Means on plain clusters."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fd2.matching.coresets import herding, k_center, k_means, nearest_to_mean


def features(seed: int, images: int = 17, width: int = 5) -> Tensor:
    return torch.rand(images, width, generator=torch.Generator().manual_seed(seed))


def slow_herding(rows: list[list[float]], count: int) -> list[int]:
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    chosen: list[int] = []
    for step in range(count):
        best, least = -1, float("inf")
        for candidate, row in enumerate(rows):
            if candidate in chosen:
                continue
            away = 0.0
            for d, value in enumerate(row):
                already = sum(rows[one][d] for one in chosen)
                away += ((step + 1) * mean[d] - already - value) ** 2
            if away < least:
                best, least = candidate, away
        chosen.append(best)
    return chosen


def slow_k_center(rows: list[list[float]], count: int, start: int) -> list[int]:
    chosen = [start]
    while len(chosen) < count:
        best, most = -1, -1.0
        for candidate, row in enumerate(rows):
            if candidate in chosen:
                continue
            nearest = min(
                sum((a - b) ** 2 for a, b in zip(row, rows[one], strict=True)) for one in chosen
            )
            if nearest > most:
                best, most = candidate, nearest
        chosen.append(best)
    return chosen


@pytest.mark.parametrize("seed", range(5))
def test_both_choose_as_brute_force_does(seed: int) -> None:
    rows = features(seed)
    listed = rows.double().tolist()
    assert herding(rows, 17).tolist() == slow_herding(listed, 17)
    assert k_center(rows, 17, start=seed).tolist() == slow_k_center(listed, 17, seed)
    mean = [sum(column) / 17 for column in zip(*listed, strict=True)]
    away = [sum((a - b) ** 2 for a, b in zip(row, mean, strict=True)) for row in listed]
    assert nearest_to_mean(rows, 5).tolist() == sorted(range(17), key=away.__getitem__)[:5]


def test_fewer_are_a_prefix_and_no_image_is_chosen_twice() -> None:
    rows = features(0).repeat(2, 1)  # each image has a copy
    for choose in (herding(rows, 34), nearest_to_mean(rows, 34), k_center(rows, 34, 3)):
        assert sorted(choose.tolist()) == list(range(34))
    assert torch.equal(herding(rows, 6), herding(rows, 34)[:6])
    assert torch.equal(k_center(rows, 6, 3), k_center(rows, 34, 3)[:6])


def test_permuted_images_give_the_permuted_choice() -> None:
    rows, order = features(1), torch.randperm(17, generator=torch.Generator().manual_seed(2))
    assert torch.equal(order[herding(rows[order], 8)], herding(rows, 8))
    start = int((order == 4).nonzero())
    assert torch.equal(order[k_center(rows[order], 8, start)], k_center(rows, 8, 4))


def test_herding_keeps_the_mean_closer_than_chance() -> None:
    rows = features(3, images=200, width=20)
    away = [float((rows[herding(rows, n)].mean(0) - rows.mean(0)).norm()) for n in (5, 20, 80)]
    drawn = torch.stack([rows[torch.randperm(200)[:20]].mean(0) for _ in range(50)])
    assert away == sorted(away, reverse=True)
    assert away[1] < float((drawn - rows.mean(0)).norm(dim=1).min())


def test_k_means_takes_one_image_of_each_cluster() -> None:
    """Of clusters far apart it takes the image nearest to the mean of each."""
    draws = torch.Generator().manual_seed(3)
    centres = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0], [50.0, 50.0]])
    points = centres.repeat_interleave(6, 0) + torch.randn(24, 2, generator=draws)
    shuffled = torch.randperm(24, generator=draws)
    for seed in range(20):
        # From two starts in one cluster Lloyd's steps may end elsewhere: take those that do not.
        chosen = k_means(points[shuffled], 4, torch.Generator().manual_seed(seed))
        clusters = (shuffled[chosen] // 6).tolist()
        if len(set(clusters)) == 4:
            break
    assert sorted(clusters) == [0, 1, 2, 3]
    for cluster, at in zip(clusters, shuffled[chosen].tolist(), strict=True):
        own = points[6 * cluster : 6 * cluster + 6]
        assert int((own - own.mean(0)).square().sum(1).argmin()) == at % 6


@pytest.mark.parametrize("count", [1, 5, 17])
def test_k_means_chooses_different_images_also_of_equal_ones(count: int) -> None:
    rows = features(1)
    rows[5:] = rows[0]
    one = k_means(rows, count, torch.Generator().manual_seed(0))
    assert len(set(one.tolist())) == count
    assert torch.equal(one, k_means(rows, count, torch.Generator().manual_seed(0)))
