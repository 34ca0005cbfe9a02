"""Stage prepare: every image of a dataset decoded or rendered once, at the working resolution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from fd2.artifacts.prepared import SPLITS, Manifest, write_prepared
from fd2.artifacts.provenance import record, shaped_by
from fd2.artifacts.records import write_record
from fd2.config import plugins, schema
from fd2.datasets._decode import Decoded, channel_statistics, read_images
from fd2.datasets._held_out import hold_out
from fd2.datasets._source import ImageSource, SourceImage, listing_digest
from fd2.errors import FD2Error, listing
from fd2.runtime.job import Job

MINIMUM_TRAIN_IMAGES = 2
RESIZE = "whole frame warped to the square, {}, Pillow bicubic"
#: How far mean or standard deviation may be from a kind's published value without a warning.
STATISTICS_TOLERANCE = 0.005
STATISTICS_RESOLUTION = 224
RENDERED = "none: rendered at the working resolution, {}"
_COLOURS = {1: "grey", 3: "RGB"}


@dataclass(frozen=True)
class PrepareSettings:
    """What shapes prepared data.

    Attributes:
        dataset: the config's name for it.
        kind: a plug-in of ``fd2.datasets``.
        resolution: height and width in pixels.
        options: the kind's own keys, as its ``SETTINGS_SCHEMA`` says.
        held_out: share of each class's training images that takes the place of the test images;
            None keeps the test images.
        channels: of the arrays: 3 for RGB, 1 for grey.
    """

    dataset: str
    kind: str
    resolution: int
    options: Mapping[str, Any] = field(default_factory=dict)
    held_out: float | None = None
    channels: int = 3


def prepare(
    settings: PrepareSettings,
    folder: Path,
    job: Job,
    *,
    workers: int = 1,
    downloaded: Path | None = None,
) -> None:
    """Decode, warp the whole frame to a square (bicubic), and write arrays, manifest and record.

    The images of a source that renders are drawn at the working resolution instead. ``downloaded``,
    the folder of unpacked archives, takes the place of the option ``local_path``. Neither the job
    nor the number of workers, the threads that decode or render, shapes the result.

    Raises:
        FD2Error: for an unknown kind or a wrong option, a class with fewer than
            `MINIMUM_TRAIN_IMAGES` training images or no image held out where some should be, broken
            images (all are looked at before), or a channel that is constant over all training
            images.
    """
    where = f"setting 'datasets.{settings.dataset}'"
    plugin = plugins.load("datasets", settings.kind, where)
    schema.validate(dict(settings.options), plugin.SETTINGS_SCHEMA, where)
    copy = {} if downloaded is None else {"local_path": str(downloaded)}
    complete: ImageSource = plugin.source({**settings.options, **copy}, where)
    # Before the images are read, so that one added meanwhile shows as a change.
    changeable = hasattr(plugin, "FOLDER_SETTING")
    folder_digest = {"images": listing_digest(complete.images)} if changeable else {}
    source = hold_out(complete, settings.held_out, where)
    _check_class_sizes(source, where)
    files = {split: [i for i in source.images if i.split == split] for split in SPLITS}
    decoded = {
        split: read_images(
            source,
            files[split],
            settings.resolution,
            workers,
            f"{settings.dataset} {split}",
            settings.channels,
        )
        for split in SPLITS
    }
    _check_broken(files, decoded, where)
    manifest = _manifest(settings, source, files, decoded)
    if min(manifest.std) == 0:
        raise FD2Error(
            f"a channel is constant over all training images: std {manifest.std}",
            where,
            "use images with content in each channel; with 'channels: 3' grey ones are repeated",
        )
    images = {split: decoded[split].images for split in SPLITS}
    manifest = write_prepared(folder, manifest, images)
    shaped = shaped_by("prepare", asdict(settings), manifest.digest(), {})
    warnings = _unusual_statistics(plugin, settings, source, manifest)
    for line in warnings:
        print(f"warning: {line}", flush=True)
    extra = {**folder_digest, **({"warnings": warnings} if warnings else {})}
    write_record(folder / "record.json", {**record(shaped, job.facts()), **extra})


def _unusual_statistics(
    plugin: ModuleType, settings: PrepareSettings, source: ImageSource, manifest: Manifest
) -> list[str]:
    """How the images differ from those that the kind's published statistics are of.

    These are of uncropped frames of all training images at one resolution: others are not compared.
    """
    known = getattr(plugin, "REFERENCE_STATISTICS", None)
    complete = settings.held_out is None and not source.crop_bottom
    comparable = settings.resolution == STATISTICS_RESOLUTION and settings.channels == 3
    if known is None or not complete or not comparable:
        return []
    computed = (("mean", manifest.mean), ("std", manifest.std))
    return [
        f"{name} {[round(value, 4) for value in ours]}, FD²'s code has {list(published)}"
        for (name, ours), published in zip(computed, known, strict=True)
        if max(abs(a - b) for a, b in zip(ours, published, strict=True)) > STATISTICS_TOLERANCE
    ]


def _check_class_sizes(source: ImageSource, where: str) -> None:
    count = Counter(image.class_id for image in source.images if image.split == "train")
    small = [
        f"{name!r} ({count[class_id]})"
        for class_id, name in enumerate(source.classes)
        if count[class_id] < MINIMUM_TRAIN_IMAGES
    ]
    if small:
        raise FD2Error(
            f"{len(small)} class(es) with fewer than {MINIMUM_TRAIN_IMAGES} training images: "
            + listing(small),
            where,
            "add training images, lower test_fraction or held_out_fraction if set, or take the "
            "classes out",
        )


def _check_broken(
    files: Mapping[str, list[SourceImage]], decoded: Mapping[str, Decoded], where: str
) -> None:
    broken = [
        f"{files[split][position].path}: {reason}"
        for split in SPLITS
        for position, reason in decoded[split].broken.items()
    ]
    if broken:
        raise FD2Error(
            f"{len(broken)} broken image(s):\n    " + listing(broken, "\n    "),
            where,
            "replace or delete these files, then run again",
        )


def _manifest(
    settings: PrepareSettings,
    source: ImageSource,
    files: Mapping[str, list[SourceImage]],
    decoded: Mapping[str, Decoded],
) -> Manifest:
    train = decoded["train"]
    mean, std = channel_statistics(train.sums, len(train.images) * settings.resolution**2)
    resize = RESIZE if source.render is None else RENDERED
    return Manifest(
        dataset=settings.dataset,
        resolution=settings.resolution,
        classes=source.classes,
        files={
            split: [
                {"path": image.name, "class": image.class_id, "sha256": digest}
                for image, digest in zip(files[split], decoded[split].digests, strict=True)
            ]
            for split in SPLITS
        },
        mean=mean,
        std=std,
        source={
            **source.facts,
            "kind": settings.kind,
            "resize": resize.format(_COLOURS[settings.channels]),
        },
    )
