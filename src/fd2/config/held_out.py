"""What a dataset's entry says of the images that students and teachers are tested on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Keys of an entry that are no options of its kind.
HELD_OUT_KEYS = ("tested_on", "held_out_fraction")
DEFAULT_FRACTION = 0.25
#: In a manifest's facts and in results: which images accuracies are of.
TESTED_ON = "tested_on"
TEST_IMAGES = "test images"
HELD_OUT_IMAGES = "held-out training images"


def held_out_fraction(entry: Mapping[str, Any]) -> float | None:
    """The share of the training images that takes the place of the test images.

    Args:
        entry: of the config's ``datasets``.

    Returns:
        None where the test images themselves are used, whatever fraction the entry names.
    """
    if entry.get("tested_on", "test") == "test":
        return None
    return float(entry.get("held_out_fraction", DEFAULT_FRACTION))
