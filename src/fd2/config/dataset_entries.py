"""From a dataset's entry in the config to the settings that shape its prepared data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.config.downloads import SOURCE_KEYS
from fd2.config.held_out import HELD_OUT_KEYS, held_out_fraction

_COMMON = ("kind", "resolution")


def prepare_settings(dataset: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the prepared data.

    Args:
        dataset: the config's name for it.
        entry: of the config's ``datasets``.

    Returns:
        ``options`` has the keys of its kind, ``held_out`` the share of the training images that
        takes the place of the test images, or None.
    """
    skipped = (*_COMMON, *SOURCE_KEYS, *HELD_OUT_KEYS)
    return {
        "dataset": dataset,
        **{key: entry[key] for key in _COMMON},
        "options": {key: value for key, value in entry.items() if key not in skipped},
        "held_out": held_out_fraction(entry),
    }
