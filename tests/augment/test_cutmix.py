"""CutMix draws and their application against a per-image loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fd2.augment.cutmix import apply_cutmix, sample_cutmix
from fd2.errors import FD2Error


def test_draws_permute_ids_and_stay_in_the_image() -> None:
    rng, ids = np.random.default_rng(0), np.array([40, 7, 19, 3, 88])
    ratios = []
    for _ in range(500):
        draw = sample_cutmix(rng, ids, 32)
        assert sorted(draw.partners.tolist()) == sorted(ids.tolist())
        y0, y1, x0, x1 = draw.box
        side = int(32 * (1 - draw.ratio) ** 0.5)
        for low, high in ((y0, y1), (x0, x1)):
            assert 0 <= low <= high <= 32
            assert high - low <= side
            # Only clipping at an edge may make the box smaller than an even side.
            assert high - low == side // 2 * 2 or low == 0 or high == 32
        ratios.append(draw.ratio)
    assert np.mean(ratios) == pytest.approx(0.5, abs=0.05)
    assert np.var(ratios) == pytest.approx(1 / 12, abs=0.015)


def test_draws_replay_and_leave_the_ids_alone() -> None:
    ids = np.arange(10)
    first, again = (sample_cutmix(np.random.default_rng(4), ids, 64, 0.5) for _ in range(2))
    assert first.box == again.box and first.ratio == again.ratio
    assert np.array_equal(first.partners, again.partners)
    assert np.array_equal(ids, np.arange(10))


def test_application_equals_a_loop_and_reads_unmixed_partners() -> None:
    images = torch.rand(4, 3, 10, 12, generator=torch.Generator().manual_seed(0))
    original = images.clone()
    partners = torch.tensor([1, 0, 0, 3])
    boxes = torch.tensor([[2, 7, 3, 9], [0, 10, 0, 12], [4, 5, 11, 12], [3, 3, 0, 12]])
    mixed = apply_cutmix(images, partners, boxes)
    expected = original.clone()
    for i, (y0, y1, x0, x1) in enumerate(boxes.tolist()):
        expected[i, :, y0:y1, x0:x1] = original[partners[i], :, y0:y1, x0:x1]
    assert torch.equal(mixed, expected)
    assert torch.equal(images, original)
    assert mixed.data_ptr() != images.data_ptr()
    assert torch.equal(mixed[1], original[0])


def test_bad_input_is_refused() -> None:
    with pytest.raises(FD2Error, match="alpha is 0"):
        sample_cutmix(np.random.default_rng(0), np.arange(3), 32, 0)
    with pytest.raises(FD2Error, match=r"boxes \(4,\)"):
        apply_cutmix(torch.rand(2, 3, 4, 4), torch.tensor([1, 0]), torch.tensor([0, 1, 0, 1]))
