"""Both prototype updates against independent float64 formulas."""

from __future__ import annotations

import torch
from torch import Tensor

from fd2.losses.pretrain_loss import centre_loss
from fd2.networks.prototypes import class_centres, update_last_feature, update_momentum

C, P, B = 6, 10, 8


def unit_batches(steps: int, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    batches = []
    for _ in range(steps):
        features = torch.randn(B, P, generator=generator)
        labels = torch.randint(0, C - 1, (B,), generator=generator)
        batches.append((features / features.norm(dim=1, keepdim=True), labels))
    return batches


def test_momentum_update_equals_a_float64_average() -> None:
    prototypes = torch.zeros(C, P)
    expected = [[0.0] * P for _ in range(C)]
    for features, labels in unit_batches(40):
        update_momentum(prototypes, features, labels, 0.1)
        for c in range(C):
            members = [features[i].tolist() for i in range(B) if int(labels[i]) == c]
            for k in range(P):
                if members:
                    mean = sum(row[k] for row in members) / len(members)
                    expected[c][k] = 0.9 * expected[c][k] + 0.1 * mean
    torch.testing.assert_close(prototypes, torch.tensor(expected), rtol=0, atol=1e-6)


def test_momentum_update_leaves_absent_classes_bit_for_bit() -> None:
    start = torch.randn(C, P, generator=torch.Generator().manual_seed(3))
    prototypes = start.clone()
    features, _ = unit_batches(1)[0]
    update_momentum(prototypes, features, torch.full((B,), 2), 0.3)
    others = torch.arange(C) != 2
    assert torch.equal(prototypes[others], start[others])
    assert not torch.equal(prototypes[2], start[2])


def test_momentum_one_is_the_batch_mean() -> None:
    prototypes = torch.randn(C, P, generator=torch.Generator().manual_seed(3))
    features, _ = unit_batches(1)[0]
    update_momentum(prototypes, features, torch.zeros(B, dtype=torch.long), 1.0)
    torch.testing.assert_close(prototypes[0], features.mean(0))


def test_released_update_equals_a_twentieth_of_the_last_feature() -> None:
    prototypes = torch.zeros(C, P)
    last: dict[int, Tensor] = {}
    for features, labels in unit_batches(60, seed=1):
        update_last_feature(prototypes, features, labels)
        last.update({int(y): f for f, y in zip(features, labels, strict=True)})
        for c in range(C):
            expected = 0.05 * last[c] if c in last else torch.zeros(P)
            torch.testing.assert_close(prototypes[c], expected, rtol=0, atol=1e-5)


def test_released_update_without_unit_features_follows_its_rule() -> None:
    prototypes = torch.randn(C, P, generator=torch.Generator().manual_seed(2))
    features = 3 * torch.randn(2, P, generator=torch.Generator().manual_seed(4))
    start = prototypes.double()
    update_last_feature(prototypes, features, torch.tensor([4, 1]), rate=0.2)
    for row, c in ((0, 4), (1, 1)):
        centre = start[c] / start[c].square().sum().sqrt()
        expected = start[c] + 0.2 * (features[row].double() - centre)
        torch.testing.assert_close(prototypes[c].double(), expected, rtol=1e-5, atol=1e-6)


def test_updates_do_not_join_the_autograd_graph() -> None:
    features, labels = unit_batches(1)[0]
    features.requires_grad_()
    for update in (update_last_feature, lambda p, f, y: update_momentum(p, f, y, 0.1)):
        prototypes = torch.zeros(C, P)
        update(prototypes, features, labels)
        assert not prototypes.requires_grad and prototypes.abs().max() > 0


def test_centres_are_normalised_and_so_is_the_centre_loss() -> None:
    prototypes = 0.05 * torch.randn(C, P, generator=torch.Generator().manual_seed(2))
    prototypes[5] = 0
    features, labels = unit_batches(1)[0]
    centres = class_centres(prototypes, torch.arange(C))
    torch.testing.assert_close(centres[:5].norm(dim=1), torch.ones(5))
    assert torch.equal(centres[5], torch.zeros(P))
    one = centre_loss(features, prototypes, labels)
    torch.testing.assert_close(one, centre_loss(features, 40 * prototypes, labels))
    expected = 0.0
    for f, y in zip(features.double(), labels, strict=True):
        p = prototypes[y].double()
        expected += float(((f - p / p.square().sum().sqrt()) ** 2).sum()) / B
    torch.testing.assert_close(one.double(), torch.tensor(expected).double(), rtol=1e-5, atol=1e-6)
