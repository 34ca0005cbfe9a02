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
        FD2Error: if the labels or the folders are not there, or the test labels have no classes.
    """
    devkit = find(root, TRAIN_LABELS, CLASS_NAMES)
    if find(root, "cars_train") is not None and devkit is not None:
        rule = f"official: {TRAIN_LABELS} and {TEST_LABELS}"
        return *_two_folders(root, devkit, where), rule
    labels = find(root, COMBINED_LABELS)
    if find(root, "car_ims") is not None and labels is not None:
        return *_one_folder(root, labels / COMBINED_LABELS), f"official: {COMBINED_LABELS}"
    if has_tables(root):
        return *tabled_images(root), "official, as the tables' files are named"
    raise FD2Error(
        "no images of Stanford Cars with their labels",
        f"{root} ({where})",
        f"needed are cars_train, cars_test, the devkit ({TRAIN_LABELS}, {CLASS_NAMES}) and "
        f"{TEST_LABELS}; or car_ims and {COMBINED_LABELS} of the same copy",
    )


def _two_folders(root: Path, devkit: Path, where: str) -> tuple[tuple[str, ...], list[SourceImage]]:
    labelled = find(root, TEST_LABELS)
    if labelled is None:
        unlabelled = find(root, NO_LABELS)
        what = f"{NO_LABELS} has no classes" if unlabelled else f"no {TEST_LABELS}"
        raise FD2Error(what, f"{unlabelled or root} ({where})", _GET_LABELS)
    classes = _class_names(devkit / CLASS_NAMES)
    files: tuple[tuple[SplitName, Path], ...] = (
        ("train", devkit / TRAIN_LABELS),
        ("test", labelled / TEST_LABELS),
    )
    images = []
    for split, path in files:
        records = _records(path, "fname")
        folder = _image_folder(root, f"cars_{split}", records)
        for record in records:
            name = f"cars_{split}/{record['fname']}"
            label = class_position(record["class"], len(classes), str(path))
            images.append(SourceImage(folder / str(record["fname"]), name, label, split))
    return classes, images


def _one_folder(root: Path, path: Path) -> tuple[tuple[str, ...], list[SourceImage]]:
    classes = _class_names(path)
    records = _records(path, "relative_im_path")
    for record in records:
        record["fname"] = PurePosixPath(str(record["relative_im_path"])).name
    folder = _image_folder(root, "car_ims", records)
    images: dict[SplitName, list[SourceImage]] = {"train": [], "test": []}
    for record in records:
        name = f"car_ims/{record['fname']}"
        label = class_position(record["class"], len(classes), str(path))
        split: SplitName = "test" if int(record["test"]) else "train"
        images[split].append(SourceImage(folder / record["fname"], name, label, split))
    return classes, [*images["train"], *images["test"]]


def _image_folder(root: Path, name: str, records: list[dict[str, Any]]) -> Path:
    """The folder ``name`` that holds the first image, perhaps inside one of the same name."""
    first = f"{name}/{records[0]['fname']}"
    parent = find(root, first)
    if parent is None:
        raise incomplete(f"no image {first}", root)
    return parent / name


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
