"""DSA's operations against slow formulas, pixel by pixel, in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from fd2.augment.colour import rotate
from fd2.augment.differentiable import OPERATIONS, Augmentations, draw_augmentations
from fd2.augment.rotation import differentiable_rotation
from fd2.errors import FD2Error


def images(count: int = 6, channels: int = 3, height: int = 9, width: int = 12) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, channels, height, width, generator=generator).double()


def record(operation: str, rows: int) -> Augmentations:
    drawn = draw_augmentations(torch.Generator().manual_seed(3), [operation], rows)
    # The ends of the range belong to it too.
    drawn.parameters[0], drawn.parameters[1] = 0.0, 1 - 2**-24
    return drawn


def sampled(image: np.ndarray, y: float, x: float) -> np.ndarray:
    """Bilinear value of each channel at a position in pixels; 0 beyond the border."""
    channels, height, width = image.shape
    value = np.zeros(channels)
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < height and 0 <= column < width:
                value += (1 - abs(y - row)) * (1 - abs(x - column)) * image[:, row, column]
    return value


def slow(operation: str, image: np.ndarray, uniform: list[float]) -> np.ndarray:
    """The formulas of the paper's code, for one image."""
    channels, height, width = image.shape
    first, second, third = uniform
    result = np.zeros_like(image)
    if operation == "color":
        result = image + (first - 0.5) * 1.0
        grey = sum(result[channel] for channel in range(channels)) / channels
        result = np.stack([(each - grey) * (second * 2.0) + grey for each in result])
        mean = float(result.mean())
        return (result - mean) * (third + 0.5) + mean
    if operation == "flip":
        return image[:, :, ::-1] if first < 0.5 else image
    if operation == "crop":
        down, right = round(height * 0.125), round(width * 0.125)
        dy = int(first * (2 * down + 1)) - down
        dx = int(second * (2 * right + 1)) - right
        for row in range(height):
            for column in range(width):
                if 0 <= row + dy < height and 0 <= column + dx < width:
                    result[:, row, column] = image[:, row + dy, column + dx]
        return result
    if operation == "cutout":
        tall, wide = int(height * 0.5 + 0.5), int(width * 0.5 + 0.5)
        y = int(first * (height + 1 - tall % 2))
        x = int(second * (width + 1 - wide % 2))
        result = image.copy()
        for row in range(tall):
            for column in range(wide):
                # What lies outside falls on the border, which the box covers then.
                below = min(max(row + y - tall // 2, 0), height - 1)
                beside = min(max(column + x - wide // 2, 0), width - 1)
                result[:, below, beside] = 0
        return result
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    for row in range(height):
        for column in range(width):
            y, x = row - middle_y, column - middle_x
            if operation == "scale":
                sx, sy = (u * (1.2 - 1 / 1.2) + 1 / 1.2 for u in (first, second))
                y, x = sy * y, sx * x
            else:
                angle = math.radians((first - 0.5) * 2 * 15)
                cosine, sine = math.cos(angle), math.sin(angle)
                y, x = sine * x + cosine * y, cosine * x - sine * y
            result[:, row, column] = sampled(image, y + middle_y, x + middle_x)
    return result


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_is_its_formula(operation: str, channels: int) -> None:
    batch, drawn = images(channels=channels), record(operation, 6)
    found = drawn.apply(batch)
    for image, uniform, shown in zip(batch, drawn.parameters.tolist(), found, strict=True):
        expected = torch.from_numpy(slow(operation, image.numpy(), uniform).copy())
        torch.testing.assert_close(shown, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_pixel_gradients_are_finite_differences(operation: str) -> None:
    leaf = images(2, 2, 5, 6).requires_grad_()
    drawn = record(operation, 2)
    assert torch.autograd.gradcheck(drawn.apply, (leaf,), atol=1e-6)


@pytest.mark.parametrize("degrees", [-180.0, -45.0, -15.0, 0.0, 3.0, 15.0, 44.0, 90.0])
def test_a_rotation_has_the_gradient_of_grid_sample(degrees: float) -> None:
    leaf = images(2, 3, 8, 11).requires_grad_()
    angles = torch.tensor([degrees, degrees / 2])
    weights = torch.randn(leaf.shape, generator=torch.Generator().manual_seed(1)).double()
    found, expected = (
        torch.autograd.grad((turn(leaf, angles) * weights).sum(), leaf)[0]
        for turn in (differentiable_rotation, rotate)
    )
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_rows_of_one_record_are_augmented_alike() -> None:
    """Siamese: classes of real and synthetic batches of other sizes, mixed operations."""
    drawn = draw_augmentations(torch.Generator().manual_seed(1), OPERATIONS, 40)
    assert len(drawn.operations.unique()) == len(OPERATIONS)
    content = images(40)
    real = torch.arange(40).repeat_interleave(3)
    seen = drawn[real].apply(content[real]).unflatten(0, (40, 3))
    synthetic = drawn.apply(content)
    assert torch.equal(seen, synthetic[:, None].expand_as(seen))


def test_permuted_rows_give_permuted_images_and_each_alone_the_same() -> None:
    drawn = draw_augmentations(torch.Generator().manual_seed(1), OPERATIONS, 20)
    content, order = images(20), torch.randperm(20, generator=torch.Generator().manual_seed(5))
    together = drawn.apply(content)
    assert torch.equal(drawn[order].apply(content[order]), together[order])
    for row in range(20):
        alone = drawn[row : row + 1].apply(content[row : row + 1])
        torch.testing.assert_close(alone, together[row : row + 1], rtol=1e-12, atol=1e-12)


def test_draws_come_from_their_generator_alone() -> None:
    before = torch.get_rng_state()
    one, two = (
        draw_augmentations(torch.Generator().manual_seed(2), OPERATIONS, 600) for _ in range(2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.operations, two.operations)
    assert torch.equal(one.parameters, two.parameters)
    # Each of six with a chance of one sixth.
    assert (one.operations.bincount() / 600 - 1 / 6).abs().max() < 0.05
    digits = [name for name in OPERATIONS if name != "flip"]
    kept = draw_augmentations(torch.Generator().manual_seed(2), digits, 200).operations.unique()
    assert [OPERATIONS[number] for number in kept] == digits


def test_a_batch_may_share_its_operation() -> None:
    generator = torch.Generator().manual_seed(2)
    drawn = [draw_augmentations(generator, OPERATIONS, 8, shared=True) for _ in range(30)]
    assert all(len(each.operations.unique()) == 1 for each in drawn)
    assert len({int(each.operations[0]) for each in drawn}) > 3
    assert all(len(each.parameters.unique(dim=0)) == 8 for each in drawn)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(FD2Error, match="unknown operation 'colour'") as refused:
        draw_augmentations(torch.Generator(), ["colour"], 2)
    assert "'color'" in refused.value.fix
    with pytest.raises(FD2Error, match="6 rows of a record do not fit"):
        record("crop", 6).apply(images(5))
