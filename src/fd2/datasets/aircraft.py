"""FGVC-Aircraft: 100 variants of aircraft.

Source: Maji et al., "Fine-Grained Visual Classification of Aircraft", arXiv:1306.5151. Ten
thousand images and 100 variants; the archive's own README has older numbers. It lies on one
server; the same images also go around in tables with their labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fd2.datasets._image_tables import has_tables, table_archives, tabled_images
from fd2.datasets._public import (
    Published,
    checked_source,
    download_schema,
    find,
    find_required,
    local_copy,
    read_lines,
    read_pairs,
)
from fd2.datasets._reading import exif_property
from fd2.datasets._source import ImageSource, SourceImage, SplitName
from fd2.downloads.archive import Archive
from fd2.errors import FD2Error, suggest

SETTINGS_SCHEMA = download_schema(
    "aircraft",
    **exif_property("aircraft", default=False),
    crop_banner={
        "type": "boolean",
        "default": False,
        "description": "aircraft: cut off the 20 rows of copyright notice at the bottom of "
        "each photograph; the published numbers were made with them",
    },
)

ARCHIVES = (
    Archive.in_folders(
        "fgvc-aircraft-2013b.tar.gz",
        "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives",
        sizes=(2_753_340_328,),
        sha256=("e4e323d410e29f0370c81eabdcbb0e2b813acea1de22891b70b58ff41bfc9834",),
        md5=("d4acdd33327262359767eeaa97a4f732",),
    ),
)
_TABLE_SPLITS: dict[str, SplitName] = {"train": "train", "validation": "train", "test": "test"}
#: Tables with images and labels of three kinds.
ALTERNATIVES = (
    table_archives(
        "https://huggingface.co/datasets/HuggingFaceM4/FGVC-Aircraft/resolve/"
        "194f9ee0a5d672695ad08963ddf434cff1144927/data",
        _TABLE_SPLITS,
        label_column="variant",
    ),
)
PUBLISHED = Published(classes=100, train=6667, test=3333)
#: Mean and standard deviation per channel at 224 pixels, in FD²'s code; with the banner.
REFERENCE_STATISTICS = ((0.4865, 0.5177, 0.5425), (0.2124, 0.2051, 0.2375))
BANNER_ROWS = 20

_FACTS = {
    "version": "fgvc-aircraft-2013b, variants",
    "licence": "non-commercial research only, photographers keep their rights",
    "attribution": "Maji, Kannala, Rahtu, Blaschko, Vedaldi: Fine-Grained Visual Classification "
    "of Aircraft, arXiv:1306.5151, 2013",
}
_LISTS: tuple[tuple[str, SplitName], ...] = (
    ("images_variant_trainval.txt", "train"),
    ("images_variant_test.txt", "test"),
)


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List training (train and val) and test images.

    The classes are in the order of ``variants.txt``, or as the tables name them.

    Raises:
        FD2Error: if there is no complete copy, or a list names an unknown variant.
    """
    root = local_copy(settings, where)
    names = ("variants.txt", "images", *(name for name, _ in _LISTS))
    if find(root, *names) is None and has_tables(root, _TABLE_SPLITS):
        classes, images = tabled_images(root, _TABLE_SPLITS)
        rule = "official, as the tables' files are named: train and validation, test"
    else:
        root = find_required(root, where, *names)
        classes = tuple(line.strip() for line in read_lines(root / "variants.txt"))
        images = [
            image for name, split in _LISTS for image in _listed(root, root / name, split, classes)
        ]
        rule = "official: " + " and ".join(name for name, _ in _LISTS)
    crop = bool(settings.get("crop_banner", False))
    banner = f"{BANNER_ROWS} rows cut off" if crop else "kept"
    facts = {**_FACTS, "split_rule": rule, "banner": banner}
    rows = BANNER_ROWS if crop else 0
    hint = "variants of release 2013b"
    return checked_source(classes, images, facts, PUBLISHED, root, settings, hint, crop_bottom=rows)


def _listed(
    root: Path, path: Path, split: SplitName, classes: tuple[str, ...]
) -> list[SourceImage]:
    """Images of a list whose lines read ``0034309 Boeing 747-400``: the zeros belong to the id."""
    positions = {name: position for position, name in enumerate(classes)}
    images = []
    for key, variant in read_pairs(path).items():
        if variant not in positions:
            raise FD2Error(f"unknown variant '{variant}'", str(path), suggest(variant, classes))
        name = f"images/{key}.jpg"
        images.append(SourceImage(root / name, name, positions[variant], split))
    return images
