"""From a dataset's entry in the config to the settings of its data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fd2.config import plugins
from fd2.errors import FD2Error

#: In a manifest's metadata and in results: which images accuracies are of.
TESTED_ON = "tested_on"
TEST_IMAGES = "test images"
HELD_OUT_IMAGES = "held-out training images"
DEFAULT_FRACTION = 0.25
#: Key of a dataset, and of what is made from it: whitening in place of normalisation.
ZCA = "zca"
#: Values of an image, beyond which the covariance of all of them is not to be had.
_WHITENED_VALUES = 3 * 64**2
_COMMON = ("kind", "resolution")
#: Of every kind, may be left out: their values without the key.
_RESIZED = {"test_resize": "warp", "statistics": None}
#: Where archives come from does not shape what is prepared from them.
_NO_OPTIONS = (*_COMMON, *_RESIZED, "channels", ZCA, "mirrors", "tested_on", "held_out_fraction")
_OF_ARCHIVES = ("mirrors", "sha256")


def prepare_settings(dataset: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the prepared data, from the dataset's entry in the config.

    ``options`` has the keys of its kind; ``held_out`` is as in `held_out_fraction`. ``zca`` is
    there where the entry has it.

    Raises:
        FD2Error: if there are not as many statistics as channels, or images to be whitened are too
            large.
    """
    count = channels(entry)
    for name, values in (entry.get("statistics") or {}).items():
        if len(values) != count:
            raise FD2Error(
                f"{len(values)} values for {count} channels",
                f"setting 'datasets.{dataset}.statistics.{name}'",
                f"give {count}, one a channel",
            )
    if entry.get(ZCA) is not None:
        _check_whitened(dataset, count * entry["resolution"] ** 2)
    return {
        "dataset": dataset,
        **({ZCA: entry[ZCA]} if entry.get(ZCA) is not None else {}),
        **{key: entry[key] for key in _COMMON},
        "channels": count,
        **{key: entry.get(key, default) for key, default in _RESIZED.items()},
        "options": {key: value for key, value in entry.items() if key not in _NO_OPTIONS},
        "held_out": held_out_fraction(entry),
    }


def refuse_whitened(facts: Mapping[str, Any], where: str) -> None:
    """Refuse whitened images where only mean and standard deviation are at hand.

    Args:
        facts: a dataset's entry, or the metadata of what is made from it.
        where: what would need the whitening too.

    Raises:
        FD2Error: if there is a whitening.
    """
    if facts.get(ZCA) is not None:
        raise FD2Error(
            "whitened images, and their whitening stands beside the prepared data alone",
            where,
            f"take a dataset without '{ZCA}': random images, matching methods, their students and "
            "full data have whitened ones",
        )


def _check_whitened(dataset: str, values: int) -> None:
    if values > _WHITENED_VALUES:
        gigabytes = values**2 * 8 / 1e9
        raise FD2Error(
            f"whitening of images of {values} values: their covariance in float64 takes "
            f"{gigabytes:.0f} GB, and its eigenvectors as much again",
            f"setting 'datasets.{dataset}.{ZCA}'",
            f"leave it out, or take images of at most {_WHITENED_VALUES} values: 64 pixels in RGB",
        )


def channels(entry: Mapping[str, Any]) -> int:
    """3 for images in RGB, 1 for grey ones: as the entry says, or as its kind's images are."""
    own = getattr(plugins.load("datasets", entry["kind"]), "CHANNELS", 3)
    return int(entry.get("channels", own))


def held_out_fraction(entry: Mapping[str, Any]) -> float | None:
    """The share of the training images that takes the place of the test images.

    None where the test images themselves are used, whatever fraction the entry names.
    """
    if entry.get("tested_on", "test") == "test":
        return None
    return float(entry.get("held_out_fraction", DEFAULT_FRACTION))


def download_kinds() -> list[str]:
    """Dataset kinds that have archives."""
    return [
        name
        for name in plugins.names("datasets")
        if hasattr(plugins.load("datasets", name), "ARCHIVES")
    ]


def download_kind(values: Mapping[str, Any], dataset: str) -> str | None:
    """The kind whose archives a dataset is prepared from; None where a copy is on this machine.

    That is one that the entry names, or one that the system's package of the kind has installed,
    unless the entry names mirrors.
    """
    entry = values["datasets"][dataset]
    kind: str = entry["kind"]
    if kind not in download_kinds():
        return None
    plugin = plugins.load("datasets", kind)
    keys = getattr(plugin, "LOCAL_COPIES", ("local_path",))
    if any(entry.get(key) is not None for key in keys):
        return None
    installed: Path | None = getattr(plugin, "INSTALLED", None)
    packed = installed is not None and installed.is_dir() and not entry.get("mirrors")
    return None if packed else kind


def download_settings(values: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Settings of a kind's download. Entries of one kind share it, so that they must agree.

    Raises:
        FD2Error: if two entries name other mirrors or digests.
    """
    entries = {
        name: entry
        for name, entry in values["datasets"].items()
        if entry["kind"] == kind and download_kind(values, name)
    }
    settings: dict[str, Any] = {"kind": kind}
    for key in _OF_ARCHIVES:
        given = {name: entry[key] for name, entry in entries.items() if key in entry}
        if any(value != next(iter(given.values())) for value in given.values()):
            raise FD2Error(
                f"entries of kind '{kind}' differ in '{key}'",
                "settings " + ", ".join(f"'datasets.{name}.{key}'" for name in given),
                "their archives are downloaded once: write the same in each, or in one alone",
            )
        if given:
            settings[key] = next(iter(given.values()))
    return settings
