"""A user's folder of images, which may change at any time, before it is prepared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fd2.artifacts.records import read_content
from fd2.config import plugins
from fd2.datasets._held_out import hold_out
from fd2.datasets._source import listing_digest
from fd2.errors import FD2Error


def folder_listing(settings: Mapping[str, Any], record: Path) -> str | None:
    """What the images in a user's folder are, told by their names and sizes.

    A folder that is not there, e.g. on a disk that is not mounted, counts as unchanged: what was
    prepared from it stays good.

    Args:
        settings: of the stage prepare.
        record: of the prepared data, where there is some.

    Returns:
        A digest, or why the folder cannot be listed, which is for the stage to refuse; None for
        kinds whose images do not change, and for a folder that is not there and never was.
    """
    plugin = plugins.load("datasets", settings["kind"])
    key = getattr(plugin, "FOLDER_SETTING", None)
    if key is None:
        return None
    if not Path(settings["options"][key]).expanduser().is_dir():
        return prepared_listing(record)
    try:
        source = plugin.source(settings["options"], f"setting 'datasets.{settings['dataset']}'")
        return listing_digest(source.images)
    except (FD2Error, OSError) as error:
        return str(error)


def training_counts(settings: Mapping[str, Any]) -> dict[str, int] | None:
    """How many images of each class of a user's folder are to train on, before it is prepared.

    Args:
        settings: of the stage prepare.

    Returns:
        Counts by the classes' names; None for other kinds, and for a folder that is not there or
        cannot be listed, which is for the stage to refuse.
    """
    plugin = plugins.load("datasets", settings["kind"])
    if not hasattr(plugin, "FOLDER_SETTING"):
        return None
    where = f"setting 'datasets.{settings['dataset']}'"
    try:
        listed = plugin.source(settings["options"], where)
        source = hold_out(listed, settings["held_out"], where)
    except (FD2Error, OSError):
        return None
    counts = Counter(image.class_id for image in source.images if image.split == "train")
    return {name: counts[class_id] for class_id, name in enumerate(source.classes)}


def prepared_listing(record: Path) -> str | None:
    """The digest of the folder that data was prepared from; None where it is not known."""
    if not record.is_file():
        return None
    listing: str | None = read_content(record).get("images")
    return listing
