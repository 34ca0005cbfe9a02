"""ImageNette and ImageWoof, second versions: ten classes of ImageNet, easy ones or breeds of dogs.

Source: fastai/imagenette. The split is fastai's, or that of a local ImageNet-1K. Classes are in the
order of their WordNet ids, as `ImageFolder` has them. Code that follows MTT has ImageNette in this
order too, and ImageWoof in another: its labels 0 to 9 are the classes at the positions 5, 4, 8, 2,
0, 3, 1, 9, 6, 7 here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fd2.datasets._imagenet import LAYOUT, class_images
from fd2.datasets._public import (
    Published,
    checked_source,
    download_schema,
    find_required,
    local_copy,
)
from fd2.datasets._reading import exif_property
from fd2.datasets._source import ImageSource
from fd2.downloads.archive import Archive
from fd2.errors import FD2Error

_MIRROR = "https://s3.amazonaws.com/fast-ai-imageclas"


@dataclass
class ImagenetSubset:
    """Ten classes of ImageNet.

    Attributes:
        name: of the kind.
        version: fastai's name with the number of the split.
        classes: names by WordNet id, in the ids' order.
        fastai: numbers of images in fastai's split.
        imagenet: numbers of images in ImageNet's own split.
        attribution: of the selection.
        REFERENCE_STATISTICS: mean and standard deviation per channel at 224 pixels, in FD²'s code.
    """

    name: str
    version: str
    classes: Mapping[str, str]
    fastai: Published
    imagenet: Published
    attribution: str
    ARCHIVES: tuple[Archive, ...]
    REFERENCE_STATISTICS: tuple[tuple[float, float, float], tuple[float, float, float]]

    #: Classes are ImageNet's, and the facts have their ``wnids``.
    OF_IMAGENET = True
    #: Settings that name a copy on this machine.
    LOCAL_COPIES = ("local_path", "imagenet_path")

    def __post_init__(self) -> None:
        imagenet_path = {
            "type": ["string", "null"],
            "minLength": 1,
            "default": None,
            "description": f"{self.name}: folder of a local ImageNet-1K ({LAYOUT}), taken with its "
            "own split; it is not comparable with fastai's, whose test images are in part "
            "ImageNet's training images",
        }
        turned = exif_property(self.name, default=False)
        self.SETTINGS_SCHEMA = download_schema(self.name, imagenet_path=imagenet_path, **turned)

    def source(self, settings: Mapping[str, Any], where: str) -> ImageSource:
        """List the images, class by class, as ``ImageFolder`` does.

        Raises:
            FD2Error: if both paths are set, or there is no complete copy.
        """
        imagenet = settings.get("imagenet_path") is not None
        if imagenet and settings.get("local_path") is not None:
            raise FD2Error("local_path and imagenet_path are both set", where, "remove one of them")
        wnids = list(self.classes)
        root = local_copy(settings, where, "imagenet_path" if imagenet else "local_path")
        root = find_required(root, where, *(f"train/{wnid}" for wnid in wnids), "val")
        images = class_images(root, wnids, flat=imagenet)
        facts = {
            "version": f"{self.version}, from ImageNet-1K" if imagenet else self.version,
            "wnids": wnids,
            "split_rule": "ImageNet's own: train and val" if imagenet else "fastai's folders",
            "licence": "ImageNet's terms of access: non-commercial research",
            "attribution": f"{self.attribution}; Russakovsky et al.: ImageNet Large Scale Visual "
            "Recognition Challenge, IJCV 2015",
        }
        published = self.imagenet if imagenet else self.fastai
        hint = "" if imagenet else "the first version of fastai's archive has another split"
        classes = self.classes.values()
        return checked_source(classes, images, facts, published, root, settings, hint)


DATASETS = {
    "imagenette": ImagenetSubset(
        name="imagenette",
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
        # Packed twice, with the same images: a csv file was added.
        ARCHIVES=(
            Archive.in_folders(
                "imagenette2.tgz",
                _MIRROR,
                sizes=(1_557_161_267, 1_556_914_727),
                sha256=(
                    "6cbfac238434d89fe99e651496f0812ebc7a10fa62bd42d6874042bf01de4efd",
                    "de32de18a7d8df0114d5e2c3c14cafb9558e8f00441a73aa7953681ad02be49c",
                ),
                md5=("fe2fc210e6bb7c5664d602c3cd71e612",),
            ),
        ),
        REFERENCE_STATISTICS=((0.4625, 0.4580, 0.4297), (0.2846, 0.2809, 0.3036)),
    ),
    "imagewoof": ImagenetSubset(
        name="imagewoof",
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
        # Packed twice as well.
        ARCHIVES=(
            Archive.in_folders(
                "imagewoof2.tgz",
                _MIRROR,
                md5=("9aafe18bcdb1632c4249a76c458465ba", "5eaf5bbf4bf16a77c616dc6e8dd5f8e9"),
            ),
        ),
        REFERENCE_STATISTICS=((0.4855, 0.4559, 0.3934), (0.2591, 0.2513, 0.2602)),
    ),
}
