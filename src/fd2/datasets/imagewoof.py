"""ImageWoof, second version: ten breeds of dogs from ImageNet, in fastai's split.

Source: fastai/imagenette. Classes are in the order of their WordNet ids, as `ImageFolder` has
them. Code that follows MTT has another order: its labels 0 to 9 are the classes at the positions
5, 4, 8, 2, 0, 3, 1, 9, 6, 7 here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.datasets import _imagenette
from fd2.datasets._public import Published
from fd2.datasets._source import ImageSource
from fd2.downloads.archive import Archive

SETTINGS_SCHEMA = _imagenette.schema("imagewoof")

ARCHIVES = (
    # Packed twice, with the same images: a csv file was added.
    Archive(
        "imagewoof2.tgz",
        ("https://s3.amazonaws.com/fast-ai-imageclas/imagewoof2.tgz",),
        md5=("9aafe18bcdb1632c4249a76c458465ba", "5eaf5bbf4bf16a77c616dc6e8dd5f8e9"),
    ),
)
LOCAL_COPIES = _imagenette.LOCAL_COPIES
SUBSET = _imagenette.Subset(
    version="imagewoof2",
    classes={
        "n02086240": "Shih-Tzu",
        "n02087394": "Rhodesian ridgeback",
        "n02088364": "beagle",
        "n02089973": "English foxhound",
        "n02093754": "Border terrier",
        "n02096294": "Australian terrier",
        "n02099601": "golden retriever",
        "n02105641": "Old English sheepdog",
        "n02111889": "Samoyed",
        "n02115641": "dingo",
    },
    fastai=Published(classes=10, train=9025, test=3929),
    imagenet=Published(classes=10, train=12454, test=500),
    attribution="Howard: Imagewoof, https://github.com/fastai/imagenette",
)
#: Mean and standard deviation per channel at 224 pixels, in FD²'s code.
REFERENCE_STATISTICS = ((0.4855, 0.4559, 0.3934), (0.2591, 0.2513, 0.2602))


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List the images; see `fd2.datasets._imagenette.subset_source`."""
    return _imagenette.subset_source(settings, SUBSET, where)
