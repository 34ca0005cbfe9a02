"""Stanford Cars: 196 models of cars.

Source: Krause et al., "3D Object Representations for Fine-Grained Categorization", 3dRR-13. The
authors' server is gone, so that the archives come from copies: one with the official two folders,
one in tables of images and labels, or one with all images in one folder. Two numberings of that
folder go around: its label file must come from the same copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.datasets._cars_labels import labelled_images
from fd2.datasets._image_tables import table_archives
from fd2.datasets._public import Published, checked_source, download_schema, local_copy
from fd2.datasets._reading import exif_property
from fd2.datasets._source import ImageSource
from fd2.downloads.archive import Archive

SETTINGS_SCHEMA = download_schema("cars", **exif_property("cars", default=False))

_REPACKED = (
    "https://huggingface.co/datasets/XiN0919/FGVC/resolve/921e8dce38536cd5982739d85d5e9235d2cb2a76"
)
ARCHIVES = (
    Archive.in_folders(
        "car_devkit.tgz",
        "https://github.com/pytorch/vision/files/11644847",
        sizes=(330_960,),
        sha256=("b97deb463af7d58b6bfaa18b2a4de9829f0f79e8ce663dfa9261bf7810e9accd",),
        md5=("c3b158d763b6e2245038c8ad08e45376",),
    ),
    Archive.in_folders(
        "cars_test_annos_withlabels.mat",
        "https://raw.githubusercontent.com/jhpohovey/StanfordCars-Dataset/HEAD/stanford_cars",
        "https://raw.githubusercontent.com/nguyentruonglau/stanford-cars/HEAD/labeldata",
        sizes=(185_758,),
        sha256=("790f75be8ea34eeded134cc559332baf23e30e91367e9ddca97d26ed9b895f05",),
        md5=("b0a2b23655a3edd16d84508592a98d10",),
    ),
    # Last, so that nobody waits for it in vain. Packed anew by its host: no known digest, so the
    # numbers of images and labels decide.
    Archive.in_folders(
        "stanford-cars.tgz",
        "https://s3.amazonaws.com/fast-ai-imageclas",
        sizes=(1_957_803_273,),
    ),
)
#: Tables with images and labels; all images in one folder, and the labels of the same copy.
ALTERNATIVES = (
    table_archives(
        "https://huggingface.co/datasets/tanganke/stanford_cars/resolve/"
        "9abf6cf7d6dfa7b95152a0d6e791ea9435b47a40/data"
    ),
    (
        Archive.in_folders(
            "car_ims.tgz",
            _REPACKED,
            sizes=(1_956_628_579,),
            sha256=("4d96e3e3e892c6b7e4a71959325c7de4804037d27ba5aaf1c756100fd94a5342",),
        ),
        Archive.in_folders("cars_annos.mat", _REPACKED, sizes=(394_471,)),
    ),
)
PUBLISHED = Published(classes=196, train=8144, test=8041)
#: Mean and standard deviation per channel at 224 pixels, in FD²'s code.
REFERENCE_STATISTICS = ((0.4708, 0.4601, 0.4551), (0.2885, 0.2879, 0.2962))

_FACTS = {
    "version": "Stanford Cars (car196)",
    "licence": "none stated; for non-commercial research",
    "attribution": "Krause, Stark, Deng, Fei-Fei: 3D Object Representations for Fine-Grained "
    "Categorization, 4th IEEE Workshop on 3D Representation and Recognition, ICCV 2013",
}


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List training images, then test images; classes in the order of the devkit.

    That order is not alphabetical, and a class name holds a slash.

    Raises:
        FD2Error: if there is no complete copy.
    """
    root = local_copy(settings, where)
    classes, images, rule = labelled_images(root, where)
    facts = {**_FACTS, "split_rule": rule}
    return checked_source(classes, images, facts, PUBLISHED, root, settings)
