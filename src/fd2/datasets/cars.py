"""Stanford Cars: 196 models of cars.

Source: Krause et al., "3D Object Representations for Fine-Grained Categorization", 3dRR-13. The
authors' server is gone, so that the archives come from copies: one with the official two folders,
one in tables of images and labels, or one with all images in one folder, whose label file must
come from the same copy: two numberings go around.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from fd2.datasets._image_tables import has_tables, table_archives, tabled_images
from fd2.datasets._public import (
    Published,
    checked_source,
    class_position,
    download_schema,
    find,
    incomplete,
    local_copy,
)
from fd2.datasets._reading import exif_property
from fd2.datasets._source import ImageSource, SourceImage, SplitName
from fd2.downloads.archive import Archive
from fd2.errors import FD2Error

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
TRAIN_LABELS, CLASS_NAMES = "cars_train_annos.mat", "cars_meta.mat"
TEST_LABELS, NO_LABELS = "cars_test_annos_withlabels.mat", "cars_test_annos.mat"
COMBINED_LABELS = "cars_annos.mat"
_BROKEN = (OSError, ValueError, TypeError, NotImplementedError, zlib.error)
_GET_LABELS = (
    f"get {TEST_LABELS} (sha256 790f75be8ea3…; 'ARCHIVES' in src/fd2/datasets/cars.py says where) "
    "and put it beside the images"
)


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List training images, then test images; classes in the order of the devkit.

    That order is not alphabetical, and a class name holds a slash.

    Raises:
        FD2Error: if there is no complete copy, or the test labels have no classes.
    """
    root = local_copy(settings, where)
    classes, images, rule = _labelled_images(root, where)
    facts = {**_FACTS, "split_rule": rule}
    return checked_source(classes, images, facts, PUBLISHED, root, settings)


def _labelled_images(root: Path, where: str) -> tuple[tuple[str, ...], list[SourceImage], str]:
    """Classes, images and split rule of a copy of any form, perhaps nested, as on Kaggle."""
    devkit = find(root, TRAIN_LABELS, CLASS_NAMES)
    if find(root, "cars_train") and devkit:
        test_labels = _test_labels(root, where)
        classes = _class_names(devkit / CLASS_NAMES)
        images = [
            *_images(root, "cars_train", devkit / TRAIN_LABELS, "fname", classes, "train"),
            *_images(root, "cars_test", test_labels, "fname", classes, "test"),
        ]
        return classes, images, f"official: {TRAIN_LABELS} and {TEST_LABELS}"
    parent = find(root, COMBINED_LABELS)
    if find(root, "car_ims") and parent:
        labels = parent / COMBINED_LABELS
        classes = _class_names(labels)
        images = _images(root, "car_ims", labels, "relative_im_path", classes)
        images.sort(key=lambda image: image.split == "test")
        return classes, images, f"official: {COMBINED_LABELS}"
    if has_tables(root):
        return *tabled_images(root), "official, as the tables' files are named"
    raise FD2Error(
        "no images of Stanford Cars with their labels",
        f"{root} ({where})",
        f"needed are cars_train, cars_test, the devkit ({TRAIN_LABELS}, {CLASS_NAMES}) and "
        f"{TEST_LABELS}; or car_ims and {COMBINED_LABELS} of the same copy",
    )


def _test_labels(root: Path, where: str) -> Path:
    parent = find(root, TEST_LABELS)
    if parent is None:
        unlabelled = find(root, NO_LABELS)
        what = f"{NO_LABELS} has no classes" if unlabelled else f"no {TEST_LABELS}"
        raise FD2Error(what, f"{unlabelled or root} ({where})", _GET_LABELS)
    return parent / TEST_LABELS


def _images(
    root: Path,
    folder: str,
    labels: Path,
    name_field: str,
    classes: tuple[str, ...],
    split: SplitName | None = None,
) -> list[SourceImage]:
    """Images of a label file; without ``split`` each record says its own."""
    records = _records(labels, name_field)
    names = [PurePosixPath(str(record[name_field])).name for record in records]
    # The folder may lie inside one of the same name.
    parent = find(root, f"{folder}/{names[0]}")
    if parent is None:
        raise incomplete(f"no image {folder}/{names[0]}", root)
    images = []
    for name, record in zip(names, records, strict=True):
        label = class_position(record["class"], len(classes), str(labels))
        part: SplitName = split or ("test" if int(record["test"]) else "train")
        images.append(SourceImage(parent / folder / name, f"{folder}/{name}", label, part))
    return images


def _class_names(path: Path) -> tuple[str, ...]:
    return tuple(str(name) for name in _loaded(path, "class_names"))


def _records(path: Path, name_field: str) -> list[dict[str, Any]]:
    """The annotations as mappings; one an image."""
    annotations = _loaded(path, "annotations")
    fields = annotations.dtype.names or ()
    if "class" not in fields:
        raise FD2Error(f"{path.name} has no classes", str(path), _GET_LABELS)
    if name_field not in fields or not annotations.size:
        raise _foreign(path, f"no field '{name_field}'")
    return [dict(zip(fields, values, strict=True)) for values in annotations.tolist()]


def _loaded(path: Path, variable: str) -> Any:
    """A variable of a MATLAB file as a one-dimensional array."""
    import numpy as np
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path, squeeze_me=True)
    except (*_BROKEN, MatReadError) as error:
        raise _foreign(path, str(error)) from error
    if variable not in content:
        raise _foreign(path, f"no variable '{variable}'")
    return np.atleast_1d(content[variable])


def _foreign(path: Path, reason: str) -> FD2Error:
    return incomplete(f"not a label file of Stanford Cars: {reason}", path)
