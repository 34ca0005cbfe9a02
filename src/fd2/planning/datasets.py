"""How many images a dataset has, also before it is prepared."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fd2.artifacts.manifests import SPLITS, read_manifest
from fd2.artifacts.records import read_content
from fd2.config import plugins
from fd2.config.datasets import download_kind
from fd2.datasets._shares import hold_out
from fd2.image_counts import scored_images
from fd2.planning.image_folders import folder_listing, prepared_listing
from fd2.planning.project import Project


@dataclass(frozen=True)
class DatasetSize:
    """Counts that shapes follow from.

    Attributes:
        train_per_class: training images of each class.
        test: test images.
        resolution: height and width in pixels.
        channels: 3 for RGB, 1 for grey.
        manifest: digest of the prepared data; None before it is prepared.
        test_per_class: test images of each class; empty where they cannot be counted yet.
    """

    train_per_class: tuple[int, ...]
    test: int
    resolution: int
    channels: int
    manifest: str | None = None
    test_per_class: tuple[int, ...] = ()

    @property
    def classes(self) -> int:
        """C."""
        return len(self.train_per_class)

    @property
    def train(self) -> int:
        """Training images."""
        return sum(self.train_per_class)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``[K, H, W]`` of an image."""
        return self.channels, self.resolution, self.resolution

    @property
    def image_bytes(self) -> int:
        """Bytes of one image in uint8."""
        return math.prod(self.shape)

    def scored(self, images_scored: int | str | None) -> int:
        """Training images that are scored for patches; see ``patches.images_scored``."""
        return sum(scored_images(images_scored, self.train_per_class))


def planned_size(project: Project, dataset: str) -> DatasetSize | None:
    """The size that a dataset will have under the present config.

    Counted from its source where that can be listed. A dataset that is yet to be downloaded has
    its authors' numbers, in classes of equal size.

    Args:
        project: the workflow.
        dataset: the config's name for it.

    Returns:
        None where nothing is known before the download.

    Raises:
        FD2Error: if the source is faulty, e.g. a folder that is not there.
    """
    settings = project.settings.prepare(dataset)
    where = f"setting 'datasets.{dataset}'"
    plugin = plugins.load("datasets", settings["kind"], where)
    prepared = prepared_size(project, dataset)
    if prepared is not None and _still_valid(project, dataset):
        return prepared
    options, held_out = dict(settings["options"]), settings["held_out"]
    kind = download_kind(project.settings.values, dataset)
    if kind is not None:
        folder = project.path("resources", kind)
        if not (folder / "downloaded.json").is_file():
            published = getattr(plugin, "PUBLISHED", None)
            if published is None:
                return None
            even = [
                len(range(c, published.train, published.classes)) for c in range(published.classes)
            ]
            test = published.test
            if held_out is not None:
                held = [math.ceil(held_out * count) for count in even]
                even = [count - fewer for count, fewer in zip(even, held, strict=True)]
                test = sum(held)
            return DatasetSize(tuple(even), test, settings["resolution"], settings["channels"])
        options["local_path"] = str(folder)
    source = hold_out(plugin.source(options, where), held_out, where)
    ids = {
        split: [image.class_id for image in source.images if image.split == split]
        for split in SPLITS
    }
    classes = len(source.classes)
    return DatasetSize(
        _per_class(ids["train"], classes),
        len(ids["test"]),
        settings["resolution"],
        settings["channels"],
        test_per_class=_per_class(ids["test"], classes),
    )


def prepared_size(project: Project, dataset: str) -> DatasetSize | None:
    """The size of the prepared data; None where there is none.

    Raises:
        FD2Error: if the manifest is damaged.
    """
    path = project.path("results", f"data/{dataset}/manifest.json")
    if not path.is_file():
        return None
    manifest = read_manifest(path)
    ids = {split: [entry["class"] for entry in manifest.files[split]] for split in SPLITS}
    classes = len(manifest.classes)
    return DatasetSize(
        _per_class(ids["train"], classes),
        len(ids["test"]),
        manifest.resolution,
        manifest.channels,
        manifest.digest(),
        _per_class(ids["test"], classes),
    )


def _per_class(class_ids: Sequence[int], classes: int) -> tuple[int, ...]:
    counted = Counter(class_ids)
    return tuple(counted[position] for position in range(classes))


def _still_valid(project: Project, dataset: str) -> bool:
    """Whether the prepared data was made under the present settings, of the present images."""
    record = project.path("results", f"data/{dataset}/record.json")
    settings = project.settings.prepare(dataset)
    if not record.is_file() or read_content(record)["settings"] != settings:
        return False
    return folder_listing(settings, record) == prepared_listing(record)
