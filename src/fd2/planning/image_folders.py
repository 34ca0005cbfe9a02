"""A user's folder of images, which may change at any time, before it is prepared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fd2.artifacts.changes import Picture, changes, pictures
from fd2.artifacts.earlier import EarlierData, earlier_data, finished_results
from fd2.artifacts.records import read_content
from fd2.artifacts.remarks import sentences
from fd2.config import plugins
from fd2.config.pathvars import filled_in
from fd2.datasets._shares import hold_out
from fd2.datasets._source import listing_digest
from fd2.errors import FD2Error
from fd2.image_counts import require_training_images


@dataclass(frozen=True)
class FolderChange:
    """A user's folder that is another than when it was prepared last.

    Attributes:
        since: the data that was prepared last.
        told: what changed, a sentence each.
        kept: how many finished results are in place, which prepare will put aside.
        back: earlier data of these very files, whose finished results jobs take back; None where
            they are new.
    """

    since: EarlierData
    told: tuple[str, ...]
    kept: int
    back: EarlierData | None

    def __str__(self) -> str:
        dataset = self.since.manifest.dataset
        lines = [f"{dataset}: other pictures than on {self.since.prepared}", *self.told]
        if self.kept:
            lines.append(f"{self.kept} finished result(s) will be kept in {self.since.folder}")
        if self.back is not None:
            count = self.back.count()
            lines.append(
                f"{count} of these very pictures will be taken back from {self.back.folder}"
            )
        return "\n  ".join(lines)


def users_folder(settings: Mapping[str, Any]) -> Path | None:
    """The folder that settings of the stage prepare name; None for kinds without one.

    Raises:
        FD2Error: for a home or a variable that is not known.
    """
    key = getattr(plugins.load("datasets", settings["kind"]), "FOLDER_SETTING", None)
    if key is None:
        return None
    return filled_in(settings["options"][key], f"setting 'datasets.{settings['dataset']}', '{key}'")


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
    folder = users_folder(settings)
    if folder is None:
        return None
    if not folder.is_dir():
        return prepared_listing(record)
    plugin = plugins.load("datasets", settings["kind"])
    try:
        source = plugin.source(settings["options"], f"setting 'datasets.{settings['dataset']}'")
        return listing_digest(source.images)
    except (FD2Error, OSError) as error:
        return str(error)


def folder_change(settings: Mapping[str, Any], results: Path) -> FolderChange | None:
    """How a user's folder differs from what was prepared last, as far as its files' names tell.

    Args:
        settings: of the stage prepare.
        results: the results folder.

    Returns:
        None for the same files, for a folder that is not there or cannot be listed, which is for
        the stage to refuse, and where none was prepared.

    Raises:
        FD2Error: if what was noted of earlier data is damaged.
    """
    dataset, folder = settings["dataset"], users_folder(settings)
    if folder is None or not folder.is_dir():
        return None
    known = earlier_data(results, dataset)
    if not known:
        return None
    where = f"setting 'datasets.{dataset}'"
    try:
        complete = plugins.load("datasets", settings["kind"]).source(settings["options"], where)
        listed = listing_digest(complete.images)
        source = hold_out(complete, settings["held_out"], where)
    except (FD2Error, OSError):
        return None
    since = known[-1]
    if since.record.get("images") == listed:
        return None
    # As they read from a file: tuples become lists.
    wanted = json.loads(json.dumps(settings))
    back = [
        one
        for one in known
        if (one.record.get("images"), one.record["settings"]) == (listed, wanted)
    ]
    now = {
        image.name: Picture(source.classes[image.class_id], image.split, None)
        for image in source.images
    }
    told = sentences(changes(pictures(since.manifest), now))
    told = told or ["pictures of other sizes or groups"]
    kept = finished_results(results, dataset)
    return FolderChange(since, tuple(told), kept, back[-1] if back else None)


def training_counts(
    settings: Mapping[str, Any], where: str, prepared: bool = False
) -> dict[str, int] | None:
    """How many images of each class of a user's folder are to train on, by its files' names.

    Args:
        settings: of the stage prepare.
        where: the dataset was set.
        prepared: whether there is prepared data, which stays good while the folder is away.

    Returns:
        Counts by the classes' names; None for other kinds, and where prepared data stands for a
        folder that is not there.

    Raises:
        FD2Error: for a folder that cannot be prepared, as far as its files' names say.
        OSError: for one that cannot be listed.
    """
    folder = users_folder(settings)
    if folder is None or (prepared and not folder.is_dir()):
        return None
    listed = plugins.load("datasets", settings["kind"]).source(settings["options"], where)
    source = hold_out(listed, settings["held_out"], where)
    counts = source.training_counts()
    require_training_images(counts, where)
    return counts


def prepared_listing(record: Path) -> str | None:
    """The digest of the folder that data was prepared from; None where it is not known."""
    if not record.is_file():
        return None
    listing: str | None = read_content(record).get("images")
    return listing
