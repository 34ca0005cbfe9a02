"""Attention boxes and drop masks against a slow per-image reference."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fd2.augment.boxes import attention_boxes, attention_drop_mask
from fd2.augment.views import Views
from fd2.errors import FD2Error


def reference_region(attention: Tensor, threshold: float, size: int) -> Tensor:
    """Pixels of one map that reach the threshold, sampled one by one in float64."""
    height, width = attention.shape
    upsampled = torch.zeros(size, size, dtype=torch.float64)
    for i in range(size):
        for j in range(size):
            y = min(max((i + 0.5) * height / size - 0.5, 0), height - 1)
            x = min(max((j + 0.5) * width / size - 0.5, 0), width - 1)
            y0, x0 = int(y), int(x)
            y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
            upper = (1 - (x - x0)) * attention[y0, x0] + (x - x0) * attention[y0, x1]
            lower = (1 - (x - x0)) * attention[y1, x0] + (x - x0) * attention[y1, x1]
            upsampled[i, j] = (1 - (y - y0)) * upper + (y - y0) * lower
    return upsampled >= threshold * attention.max()


def attention_maps(count: int, height: int = 7, width: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(count, height, width, generator=generator, dtype=torch.float64)
    return maps**3


THRESHOLDS = torch.tensor([0.4, 0.5, 0.6, 0.2, 0.9], dtype=torch.float64)


@pytest.mark.parametrize("padding", [0.0, 0.1])
def test_boxes_equal_the_reference(padding: float) -> None:
    size, maps = 30, attention_maps(5)
    boxes = attention_boxes(maps, THRESHOLDS, size, padding)
    for i in range(5):
        rows, columns = reference_region(maps[i], float(THRESHOLDS[i]), size).nonzero(as_tuple=True)
        top = max(int(rows.min()) - padding * size, 0)
        left = max(int(columns.min()) - padding * size, 0)
        bottom = min(int(rows.max()) + 1 + padding * size, size)
        right = min(int(columns.max()) + 1 + padding * size, size)
        expected = torch.tensor([top, left, bottom - top, right - left], dtype=torch.float64)
        torch.testing.assert_close(boxes[i] * size, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("size", "padding"), [(30, 0.05), (32, 0.1), (224, 0.1), (224, 0.05)])
def test_truncated_boxes_are_those_of_the_release(size: int, padding: float) -> None:
    """First and last attended pixel, padded, cut to whole numbers; the last one is not within."""
    maps = attention_maps(5)
    boxes = attention_boxes(maps, THRESHOLDS, size, padding, rule="truncated")
    shown = functional.interpolate(maps[:, None], size=(size, size), mode="bilinear")[:, 0]
    for i in range(5):
        attended = (shown[i] >= THRESHOLDS[i] * maps[i].max()).nonzero(as_tuple=True)
        edges = [
            (
                max(int(positions.min().item() - padding * size), 0),
                min(int(positions.max().item() + padding * size), size),
            )
            for positions in attended
        ]
        (top, bottom), (left, right) = edges
        found = (boxes[i] * size).round().int().tolist()
        assert found == [top, left, bottom - top, right - left]
        torch.testing.assert_close(boxes[i] * size, torch.tensor(found).double())


def test_a_truncated_box_is_never_empty() -> None:
    """One attended pixel and less than a pixel of padding: the release would crop nothing."""
    maps = torch.zeros(1, 16, 16)
    maps[0, 0, 5] = 1.0
    box = attention_boxes(maps, torch.ones(1), 16, 0.05, rule="truncated")[0] * 16
    assert box.tolist() == [0, 4, 1, 1]
    whole = attention_boxes(torch.zeros(1, 4, 4), torch.ones(1), 16, rule="truncated")
    assert whole.tolist() == [[0, 0, 1, 1]]


def test_drop_masks_equal_the_reference() -> None:
    size, maps = 30, attention_maps(5)
    masks = attention_drop_mask(maps, THRESHOLDS, size)
    assert masks.shape == (5, 1, size, size)
    for i in range(5):
        region = reference_region(maps[i], float(THRESHOLDS[i]), size)
        assert torch.equal(masks[i, 0], (~region).double())
        assert 0 < float(masks[i].mean()) < 1


def test_a_map_without_attention_keeps_the_whole_image() -> None:
    maps, thresholds = torch.zeros(1, 7, 7), torch.tensor([0.5])
    assert attention_boxes(maps, thresholds, 32).tolist() == [[0, 0, 1, 1]]
    assert bool((attention_drop_mask(maps, thresholds, 32) == 1).all())


def test_the_highest_threshold_still_holds_the_peak() -> None:
    maps = torch.zeros(1, 7, 7)
    maps[0, 2, 5] = 3.0
    boxes = attention_boxes(maps, torch.ones(1), 224, padding=0.0)
    top, left, height, width = (boxes[0] * 224).round().int().tolist()
    assert (top, left, height, width) == (79, 175, 2, 2)
    assert float(1 - attention_drop_mask(maps, torch.ones(1), 224).sum() / 224**2) > 0


def test_boxes_crop_as_views_and_carry_no_gradient() -> None:
    maps = attention_maps(2).float().requires_grad_()
    boxes = attention_boxes(maps, torch.tensor([0.5, 0.5]), 28, padding=0.0)
    assert not boxes.requires_grad
    images = torch.rand(2, 3, 28, 28)
    seen = Views(boxes, torch.zeros(2, dtype=torch.bool), torch.zeros(2, 2)).apply(images, 28)
    for i in range(2):
        top, left, height, width = (boxes[i] * 28).round().int().tolist()
        crop = images[i : i + 1, :, top : top + height, left : left + width]
        expected = functional.interpolate(crop, size=28, mode="bilinear")
        torch.testing.assert_close(seen[i : i + 1], expected, rtol=0, atol=1e-5)


def test_bad_input_is_refused() -> None:
    with pytest.raises(FD2Error, match=r"thresholds \(2,\) do not fit maps \(3, 7, 7\)"):
        attention_boxes(torch.rand(3, 7, 7), torch.rand(2), 32)
