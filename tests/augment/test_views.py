"""Views: resolution independence, storage round trip and selection."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fd2.augment.sampling import sample_crops, sample_flips, sample_rolls
from fd2.augment.views import Views, identity
from fd2.errors import FD2Error


def random_views(count: int, size: int, maximum_pixels: int = 8) -> Views:
    rng = np.random.default_rng(1)
    return Views(
        sample_crops(rng, count, size),
        sample_flips(rng, count),
        sample_rolls(rng, count, size, maximum_pixels),
    )


def slow_view(image: Tensor, views: Views, index: int, size: int) -> Tensor:
    """Crop, resize, flip and roll one image [C, size, size] with torch's own operations."""
    top, left, height, width = (round(float(x) * size) for x in views.boxes[index])
    crop = image[None, :, top : top + height, left : left + width]
    seen = functional.interpolate(crop, size=size, mode="bilinear", align_corners=False)
    seen = seen.flip(3) if views.flips[index] else seen
    down, right = (round(float(x) * size) for x in views.rolls[index])
    return seen.roll((down, right), (2, 3))[0]


@pytest.mark.parametrize("size", [32, 57, 64])
def test_equals_crop_resize_flip_roll_one_by_one(size: int) -> None:
    images = torch.rand(6, 3, size, size, dtype=torch.float64)
    views = random_views(6, size)
    seen = views.apply(images, size)
    assert seen.dtype == torch.float64
    for i in range(6):
        expected = slow_view(images[i], views, i, size)
        torch.testing.assert_close(seen[i], expected, rtol=0, atol=1e-12)


def test_stored_fractions_give_back_whole_pixels() -> None:
    """All starts and lengths of all sizes 32..512 survive float32, seen through the output."""
    for size in range(32, 513):
        ramp = torch.arange(size, dtype=torch.float64).expand(1, 1, 2, size)
        starts = torch.arange(0, size, max(size // 16, 1))
        lengths = size - starts
        boxes = torch.zeros(len(starts), 4)
        boxes[:, 2] = 1
        boxes[:, 1] = (starts.double() / size).float()
        boxes[:, 3] = (lengths.double() / size).float()
        flips, rolls = torch.zeros(len(starts), dtype=torch.bool), torch.zeros(len(starts), 2)
        seen = Views(boxes, flips, rolls).apply(ramp.expand(len(starts), -1, -1, -1), 2)
        # Two samples of a ramp reveal the start and the length of the crop exactly.
        quarter = torch.tensor([0.25, 0.75], dtype=torch.float64)
        exact = starts[:, None] + lengths[:, None] * quarter - 0.5
        exact = exact.clamp(min=starts[:, None]).clamp(max=size - 1)
        assert torch.equal(seen[:, 0, 0], exact), size


def test_stored_rolls_give_back_whole_pixels() -> None:
    for size in (32, 33, 99, 224, 331, 512):
        images = torch.rand(1, 1, size, size)
        for pixels in (1, size // 3, -7):
            rolls = (torch.tensor([[pixels, -pixels]]).double() / size).float()
            view = Views(torch.tensor([[0.0, 0, 1, 1]]), torch.zeros(1, dtype=torch.bool), rolls)
            assert torch.equal(view.apply(images, size), images.roll((pixels, -pixels), (2, 3)))


def test_identity_changes_nothing() -> None:
    images = torch.rand(3, 2, 19, 19)
    assert torch.equal(identity(3).apply(images, 19), images)
    assert torch.equal(identity(1).apply(images, 19), images)


def test_image_and_map_stay_aligned() -> None:
    """A blob's centre lands in the same place in the image and in its 7 x 7 map."""
    centres = torch.tensor([[100.0, 120.0], [70.0, 150.0], [130.0, 90.0], [112.0, 112.0]])
    grid = torch.arange(224) + 0.5
    down = torch.exp(-((grid - centres[:, :1]) ** 2) / (2 * 16**2))
    across = torch.exp(-((grid - centres[:, 1:]) ** 2) / (2 * 16**2))
    images = (down[:, :, None] * across[:, None, :])[:, None]
    maps = functional.avg_pool2d(images, 32)
    boxes = torch.tensor([[20, 30, 190, 180], [10, 40, 150, 170], [50, 0, 160, 200], [0] * 4])
    boxes[3, 2:] = 224
    views = Views(
        boxes / 224,
        torch.tensor([False, True, True, False]),
        torch.tensor([[20, 5], [0, 30], [13, 1], [31, 32]]) / 224,
    )

    def centre(pictures: Tensor) -> Tensor:
        size = pictures.shape[-1]
        position = (torch.arange(size) + 0.5) / size
        mass = pictures[:, 0] / pictures.sum((1, 2, 3))[:, None, None]
        return torch.stack([mass.sum(2) @ position, mass.sum(1) @ position], dim=1)

    seen_images, seen_maps = views.apply(images, 224), views.apply(maps, 7)
    assert seen_maps.shape == (4, 1, 7, 7)
    assert float((centre(seen_images) - centre(seen_maps)).abs().max()) < 0.5 / 7
    # The views did move the blobs, so that agreement means something.
    assert float((centre(seen_images) - centre(images)).abs().max()) > 1 / 7


def test_one_view_applies_to_the_whole_batch_and_passes_gradients() -> None:
    images = torch.rand(3, 2, 12, 12, requires_grad=True)
    view = random_views(1, 12)
    seen = view.apply(images, 12)
    repeated = view[torch.zeros(3, dtype=torch.long)]
    torch.testing.assert_close(seen, repeated.apply(images, 12))
    (gradient,) = torch.autograd.grad(seen.sum(), images)
    # The total weight that an output batch gives to its input is one per output pixel.
    torch.testing.assert_close(gradient.sum((2, 3)), torch.full((3, 2), 144.0))


def test_selection() -> None:
    views = random_views(5, 32)
    assert len(views) == 5 and len(views[1:3]) == 2
    index = torch.tensor([4, 0])
    assert torch.equal(views[index].boxes, views.boxes[index])
    assert torch.equal(views[index].rolls, views.rolls[index])
    assert torch.equal(views[1:3].flips, views.flips[1:3])
    assert views.to("cpu").boxes.device.type == "cpu"


def test_bad_input_is_refused() -> None:
    views = identity(3)
    with pytest.raises(FD2Error, match="3 views cannot be applied"):
        views.apply(torch.rand(2, 3, 8, 8), 8)
    with pytest.raises(FD2Error, match="do not describe the same views"):
        Views(views.boxes, views.flips[:2], views.rolls)
