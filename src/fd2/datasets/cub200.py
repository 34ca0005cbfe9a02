"""Caltech-UCSD Birds-200-2011: 200 species of birds.

Source: Wah et al., "The Caltech-UCSD Birds-200-2011 Dataset", CNS-TR-2011-001. Not to be taken for
CUB-200 of 2010, which has other images.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.datasets._public import (
    Published,
    checked_source,
    class_position,
    download_schema,
    find_required,
    incomplete,
    local_copy,
    read_pairs,
)
from fd2.datasets._reading import exif_property
from fd2.datasets._source import ImageSource, SourceImage, SplitName
from fd2.downloads.archive import Archive

SETTINGS_SCHEMA = download_schema("cub200", **exif_property("cub200", default=False))

ARCHIVES = (
    Archive(
        "CUB_200_2011.tgz",
        (
            "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz?download=1",
            # The same bytes.
            "https://s3.amazonaws.com/fast-ai-imageclas/CUB_200_2011.tgz",
            "https://huggingface.co/datasets/XiN0919/FGVC/resolve/"
            "921e8dce38536cd5982739d85d5e9235d2cb2a76/CUB_200_2011.tgz",
        ),
        sizes=(1_150_585_339,),
        sha256=("0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081",),
        md5=("97eceeb196236b17998738112f37df78",),
    ),
)
PUBLISHED = Published(classes=200, train=5994, test=5794)
#: Mean and standard deviation per channel at 224 pixels, in FD²'s code.
REFERENCE_STATISTICS = ((0.4857, 0.4994, 0.4326), (0.2260, 0.2215, 0.2595))

_FACTS = {
    "version": "CUB-200-2011",
    "split_rule": "official: train_test_split.txt",
    "licence": "none stated; for non-commercial research, photographers keep their rights",
    "attribution": "Wah, Branson, Welinder, Perona, Belongie: The Caltech-UCSD Birds-200-2011 "
    "Dataset, CNS-TR-2011-001, California Institute of Technology, 2011",
}
_SPLITS: dict[str, SplitName] = {"1": "train", "0": "test"}


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List the images in the order of ``images.txt``; classes in the order of their prefixes.

    Raises:
        FD2Error: if there is no complete copy, or its lists do not fit together.
    """
    lists = ("images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt")
    root = find_required(local_copy(settings, where), where, *lists, "images")
    files, labels, splits, names = (read_pairs(root / name) for name in lists)
    if not files.keys() == labels.keys() == splits.keys():
        raise incomplete("images, labels and split do not list the same images", root)
    classes = tuple(names.values())
    if list(names) != [str(number) for number in range(1, len(classes) + 1)]:
        raise incomplete("classes.txt is not numbered from 1", root)
    images = []
    for key, file in files.items():
        if splits[key] not in _SPLITS:
            what = f"image {key} has split {splits[key]!r}; 1 is training, 0 is test"
            raise incomplete(what, root / "train_test_split.txt")
        label = class_position(labels[key], len(classes), str(root / "image_class_labels.txt"))
        name = f"images/{file}"
        images.append(SourceImage(root / name, name, label, _SPLITS[splits[key]]))
    hint = "CUB-200 of 2010 is another dataset"
    return checked_source(classes, images, _FACTS, PUBLISHED, root, settings, hint)
