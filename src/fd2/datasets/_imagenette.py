"""Ten classes of ImageNet: fastai's own split of them, or that of a local ImageNet-1K."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fd2.datasets._public import (
    Published,
    check_published,
    download_schema,
    find_required,
    incomplete,
    local_copy,
)
from fd2.datasets._reading import Reading, exif_property
from fd2.datasets._source import ImageSource, SourceImage, SplitName
from fd2.errors import FD2Error

#: Settings that name a copy on this machine.
LOCAL_COPIES = ("local_path", "imagenet_path")
_SUFFIXES = (".jpeg", ".jpg")
_SOLUTION = "LOC_val_solution.csv"
_FOLDERS: tuple[tuple[str, SplitName], ...] = (("train", "train"), ("val", "test"))


@dataclass(frozen=True)
class Subset:
    """Ten classes of ImageNet.

    Attributes:
        version: fastai's name with the number of the split.
        classes: names by WordNet id, in the ids' order.
        fastai: numbers of images in fastai's split.
        imagenet: numbers of images in ImageNet's own split.
        attribution: of the selection.
    """

    version: str
    classes: Mapping[str, str]
    fastai: Published
    imagenet: Published
    attribution: str


def schema(kind: str) -> dict[str, Any]:
    """The ``SETTINGS_SCHEMA`` of the kind."""
    imagenet_path = {
        "type": ["string", "null"],
        "minLength": 1,
        "default": None,
        "description": f"{kind}: folder of a local ImageNet-1K (train/<wnid>/, and val/<wnid>/ "
        f"or flat val/ with {_SOLUTION}), taken with its own split; it is not comparable with "
        "fastai's, whose test images are in part ImageNet's training images",
    }
    turned = exif_property(kind, default=False)
    return download_schema(kind, imagenet_path=imagenet_path, **turned)


def subset_source(settings: Mapping[str, Any], subset: Subset, where: str) -> ImageSource:
    """List the images, class by class in the order of the WordNet ids, as ``ImageFolder`` does.

    Raises:
        FD2Error: if both paths are set, or there is no complete copy.
    """
    imagenet = settings.get("imagenet_path") is not None
    if imagenet and settings.get("local_path") is not None:
        raise FD2Error("local_path and imagenet_path are both set", where, "remove one of them")
    key = "imagenet_path" if imagenet else "local_path"
    wnids = list(subset.classes)
    root = local_copy(settings, where, key)
    root = find_required(root, where, *(f"train/{wnid}" for wnid in wnids), "val")
    images = [
        SourceImage(path, f"{folder}/{wnid}/{path.name}", wnids.index(wnid), split)
        for folder, split in _FOLDERS
        for wnid, path in _files(root, folder, wnids, imagenet)
    ]
    classes = tuple(subset.classes.values())
    published = subset.imagenet if imagenet else subset.fastai
    hint = "" if imagenet else "the first version of fastai's archive has another split"
    check_published(classes, images, published, root, hint)
    facts = {
        "version": f"{subset.version}, from ImageNet-1K" if imagenet else subset.version,
        "wnids": wnids,
        "split_rule": "ImageNet's own: train and val" if imagenet else "fastai's folders",
        "licence": "ImageNet's terms of access: non-commercial research",
        "attribution": f"{subset.attribution}; Russakovsky et al.: ImageNet Large Scale Visual "
        "Recognition Challenge, IJCV 2015",
    }
    reading = Reading(apply_exif=settings.get("apply_exif", False))
    return ImageSource(classes, tuple(images), facts, reading=reading)


def _files(
    root: Path, folder: str, wnids: Sequence[str], imagenet: bool
) -> Iterator[tuple[str, Path]]:
    """WordNet id and path of each image below ``folder``."""
    if imagenet and folder == "val" and not (root / folder / wnids[0]).is_dir():
        yield from _flat(root, wnids)
        return
    for wnid in wnids:
        where = root / folder / wnid
        if not where.is_dir():
            raise incomplete(f"no folder of class {wnid}", where)
        paths = sorted(where.iterdir(), key=lambda path: path.name)
        yield from ((wnid, p) for p in paths if p.suffix.lower() in _SUFFIXES)


def _flat(root: Path, wnids: Sequence[str]) -> list[tuple[str, Path]]:
    """ImageNet's validation images in one folder, as on Kaggle, with the classes in a csv file."""
    listings = [folder / _SOLUTION for folder in (root, *root.parents[:3])]
    listing = next((path for path in listings if path.is_file()), None)
    if listing is None:
        raise FD2Error(
            f"validation images in one folder, and no {_SOLUTION} with their classes",
            str(root / "val"),
            f"put {_SOLUTION} (from Kaggle) beside it, or sort the images into folders val/<wnid>/",
        )
    with listing.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or not {"ImageId", "PredictionString"} <= rows[0].keys():
        raise incomplete("no columns ImageId and PredictionString", listing)
    labelled = ((row["PredictionString"].partition(" ")[0], row["ImageId"]) for row in rows)
    chosen = sorted((wnid, name) for wnid, name in labelled if wnid in wnids)
    return [(wnid, root / "val" / f"{name}.JPEG") for wnid, name in chosen]
