"""Distances to real images, against a loop over pairs."""

from __future__ import annotations

import numpy as np
import torch

from fd2.diagnostics.nearest import COMPARED_PIXELS, nearest_real


def drawn(count: int, size: int, seed: int) -> np.ndarray:
    shape = (count, size, size, 3)
    return np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.sqrt(((one.astype(float) - other.astype(float)) ** 2).mean()))


def test_distances_are_those_of_a_loop_over_pairs() -> None:
    real, ours = drawn(700, 4, 0), drawn(5, 4, 1)
    ours[2] = real[650]
    found = nearest_real(torch.from_numpy(ours).permute(0, 3, 1, 2), real)
    wanted = [min(distance(one, other) for other in real) for one in ours]
    np.testing.assert_allclose(found.distances.numpy(), wanted, rtol=0, atol=1e-3)
    assert found.distances[2] == 0 and found.pixels == 4


def test_real_images_are_compared_with_others_alone() -> None:
    real = drawn(7, 4, 2)
    real[5] = real[1]
    among = sorted(
        min(distance(a, b) for j, b in enumerate(real) if j != i) for i, a in enumerate(real)
    )
    images = torch.from_numpy(real).permute(0, 3, 1, 2)
    assert abs(nearest_real(images, real).among_real - among[3]) < 1e-3


def test_large_images_are_averaged_first() -> None:
    size = 2 * COMPARED_PIXELS
    checks = np.indices((size, size)).sum(0) % 2 * 254
    board = np.repeat(checks[None, ..., None], 3, axis=3).astype(np.uint8)
    grey = np.full_like(board, 127)
    real = np.concatenate([grey, np.zeros_like(board)])
    found = nearest_real(torch.from_numpy(board).permute(0, 3, 1, 2), real)
    assert found.pixels == COMPARED_PIXELS and float(found.distances) < 1e-3
