"""Interpolation matrices against interpolate, torchvision, roll and flip."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.v2 import functional as vision

from fd2.augment.geometry import apply_matrices, interpolation_matrix
from fd2.errors import FD2Error


def random_images(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def vector(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def crop_resize(
    images: Tensor, box: tuple[int, int, int, int], size: tuple[int, int], antialias: bool = False
) -> Tensor:
    rows, columns = (
        interpolation_matrix(
            vector(box[axis]),
            vector(box[axis + 2]),
            images.shape[axis + 2],
            size[axis],
            antialias=antialias,
        )
        for axis in (0, 1)
    )
    return apply_matrices(images, rows, columns)


@pytest.mark.parametrize("box", [(0, 0, 17, 23), (3, 5, 1, 9), (10, 0, 7, 23), (2, 22, 15, 1)])
@pytest.mark.parametrize("size", [(17, 23), (31, 8), (5, 40), (1, 1)])
def test_matches_interpolate_of_the_crop(
    box: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    images = random_images(2, 3, 17, 23)
    top, left, height, width = box
    crop = images[:, :, top : top + height, left : left + width]
    expected = functional.interpolate(crop, size=size, mode="bilinear", align_corners=False)
    torch.testing.assert_close(crop_resize(images, box, size), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("box", [(4, 3, 20, 11), (0, 0, 32, 32), (31, 0, 1, 32)])
def test_matches_antialiased_resized_crop_when_upsampling(box: tuple[int, int, int, int]) -> None:
    images = random_images(2, 3, 32, 32, dtype=torch.float32)
    expected = vision.resized_crop(images, *box, size=[32, 32], antialias=True)
    torch.testing.assert_close(crop_resize(images, box, (32, 32)), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    "box", [(0, 0, 32, 32), (1, 2, 27, 30), (3, 0, 13, 32), (5, 7, 12, 17), (9, 4, 16, 5)]
)
@pytest.mark.parametrize("size", [(12, 16), (16, 16), (7, 5), (1, 1)])
def test_antialiased_equals_torchvision(
    box: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    """Shrinking along one axis and growing along the other included."""
    images = random_images(2, 3, 32, 32)
    expected = vision.resized_crop(images, *box, size=list(size), antialias=True)
    found = crop_resize(images, box, size, antialias=True)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_antialiased_equals_pillow() -> None:
    """To the rounding of Pillow's 8 bits."""
    pixels = (255 * random_images(1, 3, 48, 48)).round()
    photograph = Image.fromarray(pixels[0].permute(1, 2, 0).byte().numpy())
    shrunk = photograph.crop((5, 2, 45, 42)).resize((16, 16), Image.Resampling.BILINEAR)
    expected = torch.from_numpy(np.asarray(shrunk).copy()).permute(2, 0, 1).double()
    found = crop_resize(pixels, (2, 5, 40, 40), (16, 16), antialias=True)[0]
    assert (found - expected).abs().max() <= 1
    without = crop_resize(pixels, (2, 5, 40, 40), (16, 16))[0]
    assert (without - expected).abs().mean() > 5


def test_antialiasing_leaves_what_grows_to_the_bit() -> None:
    start, length = vector(0, 3.5, 2), vector(9, 8.25, 24)
    given = interpolation_matrix(start, length, 32, 16, roll=vector(0, 2, 1))
    found = interpolation_matrix(start, length, 32, 16, roll=vector(0, 2, 1), antialias=True)
    assert torch.equal(found[:2], given[:2]) and not torch.equal(found[2], given[2])
    torch.testing.assert_close(found.sum(2), torch.ones(3, 16, dtype=torch.float64))


def test_antialiased_flip_and_roll() -> None:
    flips, shift = torch.tensor([True]), vector(3)
    plain = interpolation_matrix(vector(2), vector(29), 32, 12, antialias=True)
    moved = interpolation_matrix(
        vector(2), vector(29), 32, 12, flip=flips, roll=shift, antialias=True
    )
    torch.testing.assert_close(moved, plain.flip(1).roll(3, 1))


def test_fractional_crops_are_clamped_to_their_interval() -> None:
    source, target = 12, 9
    start, length = [2.3, 0.0, 11.5, 5.2], [6.4, 3.7, 0.5, 0.25]
    matrix = interpolation_matrix(vector(*start), vector(*length), source, target)
    signal = torch.arange(source, dtype=torch.float64)
    for view, (first, extent) in enumerate(zip(start, length, strict=True)):
        middle, reach = first + (extent - 1) / 2, max(extent - 1, 0) / 2
        for t in range(target):
            position = first + (t + 0.5) * extent / target - 0.5
            position = min(max(position, middle - reach), middle + reach)
            position = min(max(position, 0), source - 1)
            # Linear interpolation of the identity returns the sampled position itself.
            assert float(matrix[view, t] @ signal) == pytest.approx(position, abs=1e-12)
            assert int((matrix[view, t] > 0).sum()) <= 2
    torch.testing.assert_close(matrix.sum(2), torch.ones(4, target, dtype=torch.float64))


def test_flip_then_roll_per_view() -> None:
    images = random_images(3, 2, 16, 16)
    starts, lengths = vector(1, 2, 0), vector(9, 14, 16)
    flips, rolls = torch.tensor([True, False, True]), vector(3, -5, 16)
    rows = interpolation_matrix(starts, lengths, 16, 12, roll=rolls)
    columns = interpolation_matrix(starts, lengths, 16, 12, flip=flips, roll=rolls)
    seen = apply_matrices(images, rows, columns)
    for i in range(3):
        a, b, shift = int(starts[i]), int(starts[i] + lengths[i]), int(rolls[i])
        crop = functional.interpolate(images[i : i + 1, :, a:b, a:b], size=12, mode="bilinear")
        expected = (crop.flip(3) if flips[i] else crop).roll((shift, shift), (2, 3))
        torch.testing.assert_close(seen[i : i + 1], expected, rtol=0, atol=1e-12)


def test_fractional_roll_mixes_neighbouring_rolls() -> None:
    matrix = interpolation_matrix(vector(0), vector(7), 7, 7, roll=vector(-1.25))
    eye = torch.eye(7, dtype=torch.float64)
    torch.testing.assert_close(matrix[0], 0.75 * eye.roll(-1, 0) + 0.25 * eye.roll(-2, 0))


def test_one_view_serves_the_whole_batch() -> None:
    images = random_images(4, 2, 9, 9)
    matrix = interpolation_matrix(vector(1.5), vector(5), 9, 6)
    many = matrix.expand(4, -1, -1)
    expected = apply_matrices(images, many, many)
    torch.testing.assert_close(apply_matrices(images, matrix, matrix), expected)


def test_identity_is_exact_in_bfloat16_even_under_autocast() -> None:
    images = random_images(2, 3, 8, 8, dtype=torch.bfloat16)
    matrix = interpolation_matrix(torch.zeros(1), torch.full((1,), 8.0), 8, 8)
    assert matrix.dtype == torch.float32
    assert torch.equal(apply_matrices(images, matrix, matrix), images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen = apply_matrices(images.float() + 1e-4, matrix, matrix)
    assert torch.equal(seen, images.float() + 1e-4)


def test_gradient_by_finite_differences() -> None:
    images = random_images(2, 1, 5, 5).requires_grad_()
    rows = interpolation_matrix(vector(0.5, 1), vector(3, 4), 5, 4, roll=vector(1, 0.5))
    columns = interpolation_matrix(vector(0), vector(5), 5, 3)
    assert torch.autograd.gradcheck(lambda x: apply_matrices(x, rows, columns), (images,))


def test_bad_input_is_refused() -> None:
    with pytest.raises(FD2Error, match="from 4 to 0 pixels"):
        interpolation_matrix(vector(0), vector(4), 4, 0)
    with pytest.raises(FD2Error, match=r"start has shape \(1,\) and roll \(2,\)"):
        interpolation_matrix(vector(0), vector(4), 4, 4, roll=vector(1, 2))
    matrix = interpolation_matrix(vector(0, 0), vector(4, 4), 4, 4)
    with pytest.raises(FD2Error, match="rows of shape"):
        apply_matrices(random_images(3, 1, 4, 4), matrix, matrix)
    with pytest.raises(FD2Error, match="columns of shape"):
        apply_matrices(random_images(2, 1, 4, 5), matrix, matrix)
