"""Sizes of batches, so that none is too small for batch normalisation."""

from __future__ import annotations

from fd2.errors import FD2Error


def even_sizes(count: int, most: int) -> list[int]:
    """Sizes of the fewest batches of at most ``most`` items, falling and differing by one at most.

    Args:
        count: items, at least 1.
        most: largest batch, at least 1.
    """
    batches = -(-count // most)
    size, larger = divmod(count, batches)
    return [size + 1] * larger + [size] * (batches - larger)


def half_batch_sizes(count: int, batch_size: int) -> list[int]:
    """Sizes of the half batches of one epoch; halves 2b and 2b + 1 make batch b.

    Batches have nearly equal sizes of at most ``batch_size``, so that no half is left too small
    for batch-norm statistics (a ragged last batch would be split differently by teacher and
    student).

    Raises:
        FD2Error: if a half would hold fewer than two images.
    """
    sizes = [
        half for size in even_sizes(count, batch_size) for half in (size // 2, size - size // 2)
    ]
    if min(sizes) < 2:
        raise FD2Error(
            f"{count} images in batches of at most {batch_size} leave a half batch of {min(sizes)}",
            "settings 'relabel.batch_size' and the number of classes times images per class",
            "distil at least 4 images in all, and give a batch size of at least 7",
        )
    return sizes
