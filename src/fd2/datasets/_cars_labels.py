"""The forms in which the labels of Stanford Cars go around: two MATLAB files, and tables."""

from __future__ import annotations

import zlib
from pathlib import Path, PurePosixPath
from typing import Any

from fd2.datasets._image_tables import has_tables, tabled_images
from fd2.datasets._public import class_position, find, incomplete
from fd2.datasets._source import SourceImage, SplitName
from fd2.errors import FD2Error

TRAIN_LABELS, CLASS_NAMES = "cars_train_annos.mat", "cars_meta.mat"
TEST_LABELS, NO_LABELS = "cars_test_annos_withlabels.mat", "cars_test_annos.mat"
COMBINED_LABELS = "cars_annos.mat"
_BROKEN = (OSError, ValueError, TypeError, NotImplementedError, zlib.error)
_GET_LABELS = (
    f"get {TEST_LABELS} (sha256 790f75be8ea3…; 'ARCHIVES' in src/fd2/datasets/cars.py says where) "
    "and put it beside the images"
)


def labelled_images(root: Path, where: str) -> tuple[tuple[str, ...], list[SourceImage], str]:
    """Classes, images and split rule of a copy of any form, perhaps nested, as on Kaggle.

    Raises:
        FD2Error: if the labels or the folders are missing, or the test labels have no classes.
    """
    devkit = find(root, TRAIN_LABELS, CLASS_NAMES)
    if find(root, "cars_train") is not None and devkit is not None:
        test_labels = _test_labels(root, where)
        classes = _class_names(devkit / CLASS_NAMES)
        images = [
            *_images(root, "cars_train", devkit / TRAIN_LABELS, "fname", classes, "train"),
            *_images(root, "cars_test", test_labels, "fname", classes, "test"),
        ]
        return classes, images, f"official: {TRAIN_LABELS} and {TEST_LABELS}"
    parent = find(root, COMBINED_LABELS)
    if find(root, "car_ims") is not None and parent is not None:
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
