"""ImageNet-1K from a local copy: all classes, or those that a class map names, by WordNet id."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fd2.config.class_map import ClassMap
from fd2.datasets._imagenet import LAYOUT, class_images
from fd2.datasets._public import Published, checked_source, find, incomplete, local_copy
from fd2.datasets._reading import exif_property
from fd2.datasets._source import ImageSource
from fd2.errors import FD2Error, listing

_KIND = "imagenet"
#: Classes are ImageNet's, and the facts have their ``wnids``.
OF_IMAGENET = True
CLASSES, TRAIN, VAL_PER_CLASS = 1000, 1_281_167, 50

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "imagenet_path": {
            "type": ["string", "null"],
            "minLength": 1,
            "default": None,
            "description": f"{_KIND}: folder of a local ImageNet-1K ({LAYOUT}); ~ and $VARIABLE "
            "are filled in when the images are read",
        },
        "class_map": {
            "type": ["string", "null"],
            "minLength": 1,
            "default": None,
            "description": f"{_KIND}: a csv file with a column class, the WordNet ids that are "
            "taken; null, and without the key, all that there are",
        },
        **exif_property(_KIND, default=False),
    },
}


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List training images, then validation images as test images, class by class.

    Classes are called by their WordNet ids, and in the order of these.

    Raises:
        FD2Error: if there is no copy, or classes or images are missing in it.
    """
    if settings.get("imagenet_path") is None:
        fix = "set 'imagenet_path' to the folder of ImageNet-1K; there is no public archive"
        raise FD2Error("no copy of ImageNet-1K", where, fix)
    copy = local_copy(settings, where, "imagenet_path")
    root = find(copy, "train", "val")
    if root is None:
        raise incomplete("no folder with train and val", f"{copy} ({where})")
    there = {path.name for path in (root / "train").iterdir() if path.is_dir()}
    wnids = sorted(there)
    if settings.get("class_map") is not None:
        wnids = sorted(ClassMap.read(Path(settings["class_map"]), f", for {where}").categories)
        if missing := [wnid for wnid in wnids if wnid not in there]:
            what = f"no folder of {len(missing)} class(es): {listing(missing)}"
            raise incomplete(what, root / "train")
    images = class_images(root, wnids, flat=True)
    # Of a part of the classes nobody states how many there are.
    found = sum(image.split == "train" for image in images)
    train = TRAIN if len(wnids) == CLASSES else found
    published = Published(len(wnids), train, VAL_PER_CLASS * len(wnids))
    facts = {
        "version": "ImageNet-1K",
        "wnids": wnids,
        "split_rule": "ImageNet's own: train and val",
        "licence": "ImageNet's terms of access: non-commercial research",
        "attribution": "Russakovsky et al.: ImageNet Large Scale Visual Recognition Challenge, "
        "IJCV 2015",
    }
    return checked_source(wnids, images, facts, published, root, settings)
