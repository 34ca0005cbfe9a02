"""Which test images a student gets right, as text in its record."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def correct_images(predictions: Tensor, labels: Tensor, classes: Sequence[str]) -> dict[str, str]:
    """A digit an image, 1 if it is right, so that students can be compared image by image.

    Args:
        predictions: predicted class ids ``[N]``.
        labels: true class ids ``[N]``.
        classes: names, by id.

    Returns:
        By name of the class, for the classes that occur; images in the order given.
    """
    digits = (predictions == labels).byte() + ord("0")
    return {
        name: digits[mine].numpy().tobytes().decode("ascii")
        for number, name in enumerate(classes)
        if (mine := labels == number).any()
    }
