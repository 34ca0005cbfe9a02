"""A user's own folder of images: one folder a class, with or without train and test folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fd2.datasets._source import ImageSource, SourceImage, SplitName, hashed_test_names
from fd2.errors import FD2Error, listing

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["path"],
    "properties": {
        "path": {
            "type": "string",
            "minLength": 1,
            "description": "imagefolder: a folder with train/<class>/ and test/<class>/, or with "
            "<class>/ alone and test_fraction set",
        },
        "test_fraction": {
            "type": ["number", "null"],
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
            "default": None,
            "description": "imagefolder: share of each class that becomes the test split; null "
            "where the folder has train and test folders",
        },
    },
}

#: The setting that names a user's folder, which may change at any time.
FOLDER_SETTING = "path"
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
TEST_FOLDERS = ("test", "val", "validation")


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List the folder's images. Classes are in lexicographic order of their folders' names.

    Hidden files and folders are passed over; files of other suffixes than `SUFFIXES` are counted
    in the facts. Folders inside a class folder belong to the class.

    Relative paths start at the working directory.

    Raises:
        FD2Error: if the folder is missing, its layout is not one of the two, it has fewer than two
            classes, a class has no images, or train and test differ in classes.
    """
    root = Path(settings["path"]).expanduser()
    if not root.is_dir():
        raise FD2Error(
            f"no such folder: {root}", where, "set 'path' to the folder that holds your images"
        )
    fraction = settings.get("test_fraction")
    test_folder = _test_folder(root)
    if fraction is not None:
        return _one_folder(root, float(fraction), test_folder)
    if test_folder is None:
        raise FD2Error(
            "no train folder with a test folder (test, val or validation) beside it",
            f"{root} ({where})",
            "make both, or set test_fraction (e.g. 0.25) to split <class>/ folders",
        )
    return _two_folders(root, test_folder)


def _test_folder(root: Path) -> str | None:
    """The test folder's name where ``root`` has train and test folders."""
    if not (root / "train").is_dir():
        return None
    return next((name for name in TEST_FOLDERS if (root / name).is_dir()), None)


def _one_folder(root: Path, fraction: float, test_folder: str | None) -> ImageSource:
    if test_folder is not None:
        raise FD2Error(
            f"test_fraction is set, but there are folders train and {test_folder}",
            str(root),
            "remove test_fraction to use these folders, or point 'path' at train",
        )
    files, ignored = _class_files(root, root)
    test = set().union(*(hashed_test_names(names, fraction) for names in files.values()))
    images = tuple(
        SourceImage(root / name, name, class_id, "test" if name in test else "train")
        for class_id, names in enumerate(files.values())
        for name in names
    )
    rule = f"first {fraction} of each class by sha256 of the name is test"
    facts = {"split_rule": rule, "other_files_ignored": ignored}
    return ImageSource(tuple(files), images, facts)


def _two_folders(root: Path, test_folder: str) -> ImageSource:
    train, ignored_train = _class_files(root, root / "train")
    test, ignored_test = _class_files(root, root / test_folder)
    for classes, others, has, lacks in (
        (train, test, "train", test_folder),
        (test, train, test_folder, "train"),
    ):
        if missing := [repr(name) for name in classes if name not in others]:
            raise FD2Error(
                f"{len(missing)} class(es) in {has} but not in {lacks}: {listing(missing)}",
                str(root / lacks),
                f"add their images to {lacks}, or take the classes away from {has}",
            )
    splits: dict[SplitName, dict[str, list[str]]] = {"train": train, "test": test}
    images = tuple(
        SourceImage(root / name, name, class_id, split)
        for split, files in splits.items()
        for class_id, names in enumerate(files.values())
        for name in names
    )
    facts = {
        "split_rule": f"folders train and {test_folder}",
        "other_files_ignored": ignored_train + ignored_test,
    }
    return ImageSource(tuple(train), images, facts)


def _class_files(root: Path, folder: Path) -> tuple[dict[str, list[str]], int]:
    """Names below ``root`` of each class's images in ``folder``, and the number of other files."""
    entries = _visible(entry.name for entry in folder.iterdir())
    classes = [name for name in entries if (folder / name).is_dir()]
    if len(classes) < 2:
        raise FD2Error(
            f"one class folder only: {classes[0]!r}" if classes else "no class folders",
            str(folder),
            "make one folder a class, at least two, and put the images into them",
        )
    images: dict[str, list[str]] = {}
    ignored = len(entries) - len(classes)
    for name in classes:
        files = _files_below(root, folder / name)
        images[name] = [file for file in files if Path(file).suffix.lower() in SUFFIXES]
        ignored += len(files) - len(images[name])
    if empty := [repr(name) for name, files in images.items() if not files]:
        raise FD2Error(
            f"{len(empty)} class(es) without images: {listing(empty)}",
            str(folder),
            f"add images ({' '.join(SUFFIXES)}) or remove the folders",
        )
    return images, ignored


def _files_below(root: Path, folder: Path) -> list[str]:
    """Visible files at any depth as sorted POSIX names below ``root``."""
    names: list[str] = []
    for here, folders, files in os.walk(folder):
        folders[:] = _visible(folders)
        for link in (Path(here, name) for name in folders):
            if link.is_symlink():
                raise FD2Error(
                    "a link to a folder inside a class folder is not followed",
                    str(link),
                    "link the class folder or each image, or copy the folder",
                )
        names += [Path(here, name).relative_to(root).as_posix() for name in _visible(files)]
    return sorted(names)


def _visible(names: Iterable[str]) -> list[str]:
    """Names without the hidden ones, sorted; all must be valid UTF-8, as the manifest is."""
    visible = sorted(name for name in names if not name.startswith("."))
    if wrong := [name for name in visible if re.search("[\ud800-\udfff]", name)]:
        what = f"{len(wrong)} file name(s) not in UTF-8"
        raise FD2Error(what, ascii(wrong[0]), "rename them (convmv)")
    return visible
