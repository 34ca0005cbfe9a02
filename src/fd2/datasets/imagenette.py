"""ImageNette, second version: ten easy classes of ImageNet, in fastai's split.

Source: fastai/imagenette. Classes are in the order of their WordNet ids, as `ImageFolder` has
them; code that follows MTT has the same ten in this order too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.datasets import _imagenette
from fd2.datasets._public import Published
from fd2.datasets._source import ImageSource
from fd2.downloads.archive import Archive

SETTINGS_SCHEMA = _imagenette.schema("imagenette")

ARCHIVES = (
    # Packed twice, with the same images: a csv file was added.
    Archive(
        "imagenette2.tgz",
        ("https://s3.amazonaws.com/fast-ai-imageclas/imagenette2.tgz",),
        sizes=(1_557_161_267, 1_556_914_727),
        sha256=(
            "6cbfac238434d89fe99e651496f0812ebc7a10fa62bd42d6874042bf01de4efd",
            "de32de18a7d8df0114d5e2c3c14cafb9558e8f00441a73aa7953681ad02be49c",
        ),
        md5=("fe2fc210e6bb7c5664d602c3cd71e612",),
    ),
)
LOCAL_COPIES = _imagenette.LOCAL_COPIES
SUBSET = _imagenette.Subset(
    version="imagenette2",
    classes={
        "n01440764": "tench",
        "n02102040": "English springer",
        "n02979186": "cassette player",
        "n03000684": "chain saw",
        "n03028079": "church",
        "n03394916": "French horn",
        "n03417042": "garbage truck",
        "n03425413": "gas pump",
        "n03445777": "golf ball",
        "n03888257": "parachute",
    },
    fastai=Published(classes=10, train=9469, test=3925),
    imagenet=Published(classes=10, train=12894, test=500),
    attribution="Howard: Imagenette, https://github.com/fastai/imagenette",
)
#: Mean and standard deviation per channel at 224 pixels, in FD²'s code.
REFERENCE_STATISTICS = ((0.4625, 0.4580, 0.4297), (0.2846, 0.2809, 0.3036))


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List the images; see `fd2.datasets._imagenette.subset_source`."""
    return _imagenette.subset_source(settings, SUBSET, where)
