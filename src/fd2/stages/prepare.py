"""Stage prepare: every image of a dataset decoded or rendered once, at the working resolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.artifacts.changes import changes, pictures
from fd2.artifacts.earlier import (
    CHANGES,
    DIGITS,
    earlier_data,
    earlier_folder,
    note_data,
    put_aside,
)
from fd2.artifacts.manifests import SPLITS, Manifest
from fd2.artifacts.prepared import image_file, open_split, seal
from fd2.artifacts.provenance import record, shaped_by
from fd2.artifacts.records import write_record
from fd2.artifacts.remarks import REMARKS, Remark, sentences
from fd2.augment.whitening import write_whitening
from fd2.config import plugins
from fd2.config.datasets import ZCA
from fd2.config.validation import validate
from fd2.datasets._decode import (
    Decoded,
    channel_statistics,
    picture_remarks,
    read_images,
    require_pictures,
)
from fd2.datasets._groups import remarks_on_copies
from fd2.datasets._shares import hold_out
from fd2.datasets._source import ImageSource, SourceImage, listing_digest
from fd2.errors import FD2Error
from fd2.image_counts import require_training_images
from fd2.runtime.job import Job

if TYPE_CHECKING:
    import numpy as np

RESIZE = "whole frame warped to the square, {}, Pillow bicubic"
CENTRE_CROP = "; test images: shorter side to 8/7 of the square, Pillow bilinear, centre cut out"
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
        test_resize: how test images become square: ``warp`` as the training images, or
            ``centre_crop`` as FADRM and RDED test.
        statistics: ``mean`` and ``std`` of each channel to normalise with, in [0, 1]; None takes
            those of the training images.
        zca: ``epsilon`` of the whitening that takes the place of normalisation; None for none.
    """

    dataset: str
    kind: str
    resolution: int
    options: Mapping[str, Any] = field(default_factory=dict)
    held_out: float | None = None
    channels: int = 3
    test_resize: str = "warp"
    statistics: Mapping[str, Sequence[float]] | None = None
    zca: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Looked:
    """A dataset's images, each of which gave a picture.

    Attributes:
        plugin: of the dataset's kind.
        source: what is prepared, after a part was held out.
        listing: digest of a user's folder before its images were read; None for other kinds.
        files, decoded: images by split.
        remarks: what is to be told of them.
    """

    plugin: Any
    source: ImageSource
    listing: str | None
    files: Mapping[str, list[SourceImage]]
    decoded: Mapping[str, Decoded]
    remarks: tuple[Remark, ...]


def look(
    settings: PrepareSettings,
    workers: int = 1,
    downloaded: Path | None = None,
    keep: Callable[[str, tuple[int, int, int, int]], Callable[[int, np.ndarray], None]]
    | None = None,
) -> Looked:
    """List a dataset and decode or render every image of it.

    Nothing is written: ``keep`` takes a split and the shape of its images, and gives what takes
    them, see `read_images`; None drops them.

    Raises:
        FD2Error: as `prepare`, but for a constant channel.
    """
    where = f"setting 'datasets.{settings.dataset}'"
    plugin = plugins.load("datasets", settings.kind, where)
    validate(dict(settings.options), plugin.SETTINGS_SCHEMA, where)
    copy = {} if downloaded is None else {"local_path": str(downloaded)}
    complete: ImageSource = plugin.source({**settings.options, **copy}, where)
    # Before the images are read, so that one added meanwhile shows as a change.
    changeable = hasattr(plugin, "FOLDER_SETTING")
    folder_digest = listing_digest(complete.images) if changeable else None
    source = hold_out(complete, settings.held_out, where)
    require_training_images(source.training_counts(), where)
    files = {split: [i for i in source.images if i.split == split] for split in SPLITS}
    side, channels = settings.resolution, settings.channels
    decoded = {
        split: read_images(
            source,
            files[split],
            side,
            workers,
            f"{settings.dataset} {split}",
            channels,
            centre_crop=split == "test" and settings.test_resize == "centre_crop",
            keep=keep(split, (len(files[split]), side, side, channels)) if keep else None,
        )
        for split in SPLITS
    }
    anew = f"delete {downloaded}, so that a whole copy is downloaded"
    require_pictures(files, decoded, source.remedy if downloaded is None else anew, where)
    remarks = [*source.remarks, *picture_remarks(files, decoded, source.reading.bit_depth)]
    if source.render is None:
        images = [image for split in SPLITS for image in files[split]]
        pixels = [digest for split in SPLITS for digest in decoded[split].pixels]
        remarks += remarks_on_copies(source, images, pixels, where)
    return Looked(plugin, source, folder_digest, files, decoded, tuple(remarks))


def prepare(
    settings: PrepareSettings,
    folder: Path,
    job: Job,
    *,
    workers: int = 1,
    downloaded: Path | None = None,
    results: Path | None = None,
) -> None:
    """Decode, warp the whole frame to a square (bicubic), and write arrays, manifest and record.

    The images of a source that renders are drawn at the working resolution instead. ``downloaded``,
    the folder of unpacked archives, takes the place of the option ``local_path``. Neither the job
    nor the number of workers, the threads that decode or render, shapes the result. Images are
    written as they come: no more of them than there are workers are in memory.

    In ``results``, if they are given, finished results of the dataset are put aside, see
    `fd2.artifacts.earlier`, and it is told which pictures are others than the last time.

    Raises:
        FD2Error: for an unknown kind or a wrong option, a class with fewer than
            two training images or no image held out where some should be, files
            that give no picture (all are looked at before), images that training and test share
            where the source refuses this, or a channel that is constant over all training images.
    """
    where = f"setting 'datasets.{settings.dataset}'"
    with ExitStack() as written:
        looked = look(
            settings,
            workers,
            downloaded,
            lambda split, shape: written.enter_context(image_file(folder, split, shape)),
        )
        manifest = _manifest(settings, looked)
        if min(manifest.std) == 0:
            raise FD2Error(
                f"a channel is constant over all training images: std {manifest.std}",
                where,
                "use images with content in each channel; with 'channels: 3' grey ones are "
                "repeated",
            )
    manifest = seal(folder, manifest)
    if settings.zca is not None:
        write_whitening(folder, manifest, open_split(folder, manifest, "train"))
    shaped = shaped_by("prepare", _told(settings), manifest.digest(), {})
    remarks, warnings = manifest.remarks, _unusual_statistics(settings, looked, manifest)
    for line in (*remarks, *warnings):
        print(f"warning: {line}", flush=True)
    content = {REMARKS: remarks, **record(shaped, job.facts())}
    if looked.listing is not None:
        content["images"] = looked.listing
    if warnings:
        content["warnings"] = warnings
    if results is not None and (since := _since(results, manifest)):
        content[CHANGES] = since
    write_record(folder / "record.json", content)
    if results is not None:
        # Last: a process that is killed before tells the changes once more.
        note_data(results, manifest, content)


def _told(settings: PrepareSettings) -> dict[str, Any]:
    """The settings as the record tells them: of whitening where there is none, nothing."""
    told = asdict(settings)
    if settings.zca is None:
        del told["zca"]
    return told


def _since(results: Path, manifest: Manifest) -> dict[str, Any] | None:
    """What changed since the dataset was prepared last, after its results were put aside."""
    dataset, digest = manifest.dataset, manifest.digest()
    known = earlier_data(results, dataset)
    for of, count in put_aside(results, dataset, digest).items():
        place = earlier_folder(results, dataset, of)
        print(f"{count} finished result(s) of data {of[:DIGITS]} kept in {place}", flush=True)
    if not known:
        return None
    latest = known[-1]
    if latest.manifest.digest() == digest:
        return latest.record.get(CHANGES)
    told = sentences(changes(pictures(latest.manifest), pictures(manifest)))
    told = told or ["the same pictures: what changed is how they are prepared"]
    print(f"changed since {latest.prepared} (data {latest.digest}):", flush=True)
    for line in told:
        print(f"  {line}", flush=True)
    return {"since": latest.prepared, "data": latest.digest, "told": told}


def _unusual_statistics(settings: PrepareSettings, looked: Looked, manifest: Manifest) -> list[str]:
    """How the images differ from those that the kind's published statistics are of.

    These are of uncropped frames of all training images at one resolution: others are not compared.
    """
    known = getattr(looked.plugin, "REFERENCE_STATISTICS", None)
    complete = settings.held_out is None and not looked.source.crop_bottom
    comparable = settings.resolution == STATISTICS_RESOLUTION and settings.channels == 3
    if known is None or settings.statistics is not None or not complete or not comparable:
        return []
    computed = (("mean", manifest.mean), ("std", manifest.std))
    return [
        f"{name} {[round(value, 4) for value in ours]}, FD²'s code has {list(published)}"
        for (name, ours), published in zip(computed, known, strict=True)
        if max(abs(a - b) for a, b in zip(ours, published, strict=True)) > STATISTICS_TOLERANCE
    ]


def _manifest(settings: PrepareSettings, looked: Looked) -> Manifest:
    source, train = looked.source, looked.decoded["train"]
    mean, std = channel_statistics(train.sums, len(train.digests) * settings.resolution**2)
    if settings.statistics is not None:
        mean, std = (tuple(map(float, settings.statistics[name])) for name in ("mean", "std"))
    resize = RESIZE if source.render is None else RENDERED
    if settings.test_resize == "centre_crop":
        resize += CENTRE_CROP
    facts = {
        **source.facts,
        "kind": settings.kind,
        "resize": resize.format(_COLOURS[settings.channels]),
    }
    if settings.zca is not None:
        facts[ZCA] = dict(settings.zca)
    if looked.remarks:
        facts[REMARKS] = [asdict(remark) for remark in looked.remarks]
    return Manifest(
        dataset=settings.dataset,
        resolution=settings.resolution,
        classes=source.classes,
        files={
            split: [
                {"path": image.name, "class": image.class_id, "sha256": digest}
                for image, digest in zip(files, looked.decoded[split].digests, strict=True)
            ]
            for split, files in looked.files.items()
        },
        mean=mean,
        std=std,
        source=facts,
    )
