"""Ten classes of ImageNet-1K: six subsets of MTT, sixteen of Comp-DD, and one like CIFAR-10.

Read from a local ImageNet-1K with its own split, since there is no public archive of it. A class's
label is its place in the published list, which is not the order of the folders: a set that others
made has its classes in the same order. fastai's ImageNette and ImageWoof are the kinds of those
names; they have other splits, and test images that are in part training images here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fd2.datasets._imagenet import LAYOUT, class_images
from fd2.datasets._imagenet_classes import CLASSES, COMP_DD, LIKE_CIFAR10, MTT
from fd2.datasets._public import Published, checked_source, find, incomplete, local_copy
from fd2.datasets._reading import exif_property
from fd2.datasets._source import ImageSource
from fd2.errors import FD2Error, listing

_KIND = "imagenet_subset"
#: Classes are ImageNet's, and the facts have their ``wnids``.
OF_IMAGENET = True
_PAPERS = {
    **dict.fromkeys(
        MTT,
        "Cazenavette et al.: Dataset Distillation by Matching Training "
        "Trajectories, CVPR 2022, https://github.com/GeorgeCazenavette/mtt-distillation",
    ),
    **dict.fromkeys(
        (*COMP_DD, *LIKE_CIFAR10),
        "Wang et al.: Emphasizing Discriminative Features for Dataset "
        "Distillation in Complex Scenarios, CVPR 2025, https://github.com/NUS-HPC-AI-Lab/EDF",
    ),
}
SUBSETS: Mapping[str, tuple[int, ...]] = {**MTT, **COMP_DD, **LIKE_CIFAR10}
#: Training images: of Comp-DD as its authors count them; of two others as ImageNet has them.
TRAIN = {
    **{"nette": 12894, "woof": 12454},
    **{"bird_hard": 13000, "bird_easy": 13000, "dog_hard": 12958, "dog_easy": 12108},
    **{"car_hard": 13000, "car_easy": 13000, "snake_hard": 12817, "snake_easy": 12771},
    **{"insect_hard": 13000, "insect_easy": 13000, "fish_hard": 12972, "fish_easy": 12384},
    **{"round_hard": 12981, "round_easy": 12683, "music_hard": 11700, "music_easy": 13000},
}
#: Fewest and most training images of a class of ImageNet-1K, and validation images of each.
TRAIN_PER_CLASS = (732, 1300)
VAL_PER_CLASS = 50

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["subset"],
    "properties": {
        "subset": {
            "type": "string",
            "enum": list(SUBSETS),
            "description": f"{_KIND}: classes, in the order of the published list; the first six "
            "are MTT's, the last one is EDF's like CIFAR-10, the others are Comp-DD's",
        },
        "imagenet_path": {
            "type": ["string", "null"],
            "minLength": 1,
            "default": None,
            "description": f"{_KIND}: folder of a local ImageNet-1K ({LAYOUT}); ~ and $VARIABLE "
            "are filled in when the images are read",
        },
        "repeated_class": {
            "type": "string",
            "enum": ["refused", "dropped"],
            "default": "refused",
            "description": f"{_KIND}: what becomes of a list that has a class twice, as "
            "music_hard has: refused, or taken once, which leaves nine classes. Without the key: "
            "refused",
        },
        **exif_property(_KIND, default=False),
    },
}


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List training images, then validation images as test images, class by class.

    Raises:
        FD2Error: for a list that has a class twice, unless it is to be dropped; if there is no
            copy, or classes or images are missing in it; names the classes.
    """
    subset: str = settings["subset"]
    numbers = _distinct(subset, settings.get("repeated_class", "refused"), where)
    if settings.get("imagenet_path") is None:
        fix = "set 'imagenet_path' to the folder of ImageNet-1K; there is no public archive"
        raise FD2Error("no copy of ImageNet-1K", where, fix)
    copy = local_copy(settings, where, "imagenet_path")
    wnids, names = zip(*(CLASSES[number] for number in numbers), strict=True)
    root = find(copy, *(f"train/{wnid}" for wnid in wnids), "val") or find(copy, "train", "val")
    if root is None:
        raise incomplete("no folder with train and val", f"{copy} ({where})")
    missing = [
        f"{wnid} ({name})"
        for wnid, name in zip(wnids, names, strict=True)
        if not (root / "train" / wnid).is_dir()
    ]
    if missing:
        what = f"no folder of {len(missing)} class(es) of '{subset}': {listing(missing)}"
        raise incomplete(what, root / "train")
    images = class_images(root, wnids, flat=True)
    train = sum(image.split == "train" for image in images)
    published = Published(len(wnids), TRAIN.get(subset, train), VAL_PER_CLASS * len(wnids))
    dropped = len(SUBSETS[subset]) - len(numbers)
    facts = {
        "version": f"{subset}, from ImageNet-1K",
        "wnids": list(wnids),
        **({"repeated_class": f"{dropped} of the list's classes dropped"} if dropped else {}),
        "split_rule": "ImageNet's own: train and val",
        "licence": "ImageNet's terms of access: non-commercial research",
        "attribution": f"{_PAPERS[subset]}; Russakovsky et al.: ImageNet Large Scale Visual "
        "Recognition Challenge, IJCV 2015",
    }
    found = checked_source(names, images, facts, published, root, settings)
    _check_counts(found, wnids, str(root))
    return found


def _distinct(subset: str, repeated: str, where: str) -> tuple[int, ...]:
    """The numbers of the classes, each once, in the list's order."""
    numbers = SUBSETS[subset]
    distinct = tuple(dict.fromkeys(numbers))
    if len(distinct) < len(numbers) and repeated == "refused":
        twice = next(number for number in numbers if numbers.count(number) > 1)
        wnid, name = CLASSES[twice]
        raise FD2Error(
            f"the published list '{subset}' has class {wnid} ({name}) twice, and nobody has said "
            "which class the second one should be",
            where,
            f"set 'repeated_class: dropped' for the {len(distinct)} classes that there are",
        )
    return distinct


def _check_counts(found: ImageSource, wnids: Sequence[str], where: str) -> None:
    """Refuse a class that has other numbers of images than a class of ImageNet-1K can have."""
    least, most = TRAIN_PER_CLASS
    train = list(found.training_counts().values())
    for label, wnid in enumerate(wnids):
        test = sum(image.class_id == label and image.split == "test" for image in found.images)
        if not least <= train[label] <= most or test != VAL_PER_CLASS:
            raise incomplete(
                f"{train[label]} training and {test} validation images of class {wnid}; "
                f"ImageNet-1K has {least} to {most} and {VAL_PER_CLASS}",
                where,
            )
