"""Batches of nearly equal size, none too small for batch normalisation."""

from __future__ import annotations

import pytest

from fd2.errors import FD2Error
from fd2.image_counts import even_sizes, half_batch_sizes


@pytest.mark.parametrize("most", [1, 2, 4, 7, 64])
def test_fewest_batches_that_differ_by_one_at_most(most: int) -> None:
    for count in range(1, 130):
        sizes = even_sizes(count, most)
        assert sum(sizes) == count and max(sizes) <= most
        assert max(sizes) - min(sizes) <= 1
        assert len(sizes) == (count + most - 1) // most


@pytest.mark.parametrize("batch_size", [7, 8, 14, 20])
def test_halves_cover_all_images_and_are_never_single(batch_size: int) -> None:
    for count in range(4, 60):
        halves = half_batch_sizes(count, batch_size)
        batches = [a + b for a, b in zip(halves[::2], halves[1::2], strict=True)]
        assert sum(halves) == count and min(halves) >= 2
        assert max(batches) <= batch_size and max(batches) - min(batches) <= 1
        assert all(0 <= b - a <= 1 for a, b in zip(halves[::2], halves[1::2], strict=True))


def test_nine_images_in_batches_of_eight() -> None:
    assert half_batch_sizes(9, 8) == [2, 3, 2, 2]


@pytest.mark.parametrize(("count", "batch_size"), [(1, 8), (3, 8), (9, 2), (7, 6)])
def test_a_half_of_one_image_is_refused(count: int, batch_size: int) -> None:
    with pytest.raises(FD2Error, match=f"{count} images in batches of at most") as refused:
        half_batch_sizes(count, batch_size)
    assert "relabel.batch_size" in refused.value.where


def test_following_the_remedy_helps() -> None:
    """Five images in batches of 4 leave a single one; 7 is the least size that never does."""
    with pytest.raises(FD2Error, match="5 images") as refused:
        half_batch_sizes(5, 4)
    assert "at least 4 images in all, and give a batch size of at least 7" in refused.value.fix
    assert half_batch_sizes(5, 7) == [2, 3]
