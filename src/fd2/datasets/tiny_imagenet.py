"""Tiny ImageNet: 200 classes of ImageNet at 64 by 64 pixels, of Stanford's course CS231n.

The images of its folder ``test`` have no labels: those of ``val`` are the test images, as usual.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fd2.datasets._public import (
    Published,
    checked_source,
    download_schema,
    find_required,
    incomplete,
    local_copy,
    read_lines,
)
from fd2.datasets._source import ImageSource, SourceImage
from fd2.downloads.archive import Archive

SETTINGS_SCHEMA = download_schema("tiny_imagenet")

ARCHIVES = (
    Archive(
        "tiny-imagenet-200.zip",
        (
            "https://cs231n.stanford.edu/tiny-imagenet-200.zip",
            "https://zenodo.org/records/10720917/files/tiny-imagenet-200.zip?download=1",
        ),
        sizes=(248_100_043,),
        sha256=("6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821",),
        md5=("90528d7ca1a48142e341f4ef8d21d0de",),
    ),
)
PUBLISHED = Published(classes=200, train=100_000, test=10_000)

_FACTS = {
    "version": "tiny-imagenet-200",
    "split_rule": "official: train, and val as test",
    "licence": "ImageNet's terms of access: non-commercial research",
    "attribution": "Le, Yang: Tiny ImageNet Visual Recognition Challenge, CS231n, Stanford, 2015; "
    "Russakovsky et al.: ImageNet Large Scale Visual Recognition Challenge, IJCV 2015",
}
_ANNOTATIONS = "val_annotations.txt"


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List training images, then test images, by class; classes in the order of their WordNet ids.

    A class is called by the first of its names in ``words.txt``.

    Raises:
        FD2Error: if there is no complete copy, or its lists do not fit together.
    """
    root = local_copy(settings, where)
    root = find_required(root, where, "wnids.txt", "words.txt", "train", f"val/{_ANNOTATIONS}")
    # The list is in no order, so that it would number the classes otherwise than folders do.
    wnids = sorted(read_lines(root / "wnids.txt"))
    classes = _class_names(root / "words.txt", wnids)
    images = [*_training(root, wnids), *_validation(root, wnids)]
    return checked_source(classes, images, {**_FACTS, "wnids": wnids}, PUBLISHED, root)


def _class_names(path: Path, wnids: Sequence[str]) -> tuple[str, ...]:
    """The first name of each class; all its names where another class shares the first."""
    lines = (line.partition("\t") for line in read_lines(path))
    names = {wnid: words.strip() for wnid, _, words in lines}
    if missing := [wnid for wnid in wnids if wnid not in names]:
        raise incomplete(f"no name for {len(missing)} class(es), first {missing[0]}", path)
    first = [names[wnid].split(",")[0] for wnid in wnids]
    count = Counter(first)
    return tuple(
        name if count[name] == 1 else names[wnid] for wnid, name in zip(wnids, first, strict=True)
    )


def _training(root: Path, wnids: Sequence[str]) -> Iterator[SourceImage]:
    for class_id, wnid in enumerate(wnids):
        folder = root / "train" / wnid / "images"
        if not folder.is_dir():
            raise incomplete(f"no folder of class {wnid}", folder)
        for name in sorted(path.name for path in folder.iterdir() if path.suffix == ".JPEG"):
            yield SourceImage(folder / name, f"train/{wnid}/images/{name}", class_id, "train")


def _validation(root: Path, wnids: Sequence[str]) -> Iterator[SourceImage]:
    """Images of one folder, whose classes stand in a list: file, WordNet id, bounding box."""
    listing = root / "val" / _ANNOTATIONS
    rows = [tuple(line.split("\t")[:2]) for line in read_lines(listing)]
    if wrong := [row for row in rows if len(row) < 2 or row[1] not in wnids]:
        raise incomplete(f"no class for {len(wrong)} image(s), first {wrong[0][0]!r}", listing)
    for name, wnid in sorted(rows, key=lambda row: (row[1], row[0])):
        path = root / "val" / "images" / name
        yield SourceImage(path, f"val/images/{name}", wnids.index(wnid), "test")
