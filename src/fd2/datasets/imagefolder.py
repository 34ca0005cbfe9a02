"""A user's own folder of images: one folder a class, with or without train and test folders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fd2.artifacts.remarks import Remark
from fd2.config.pathvars import filled_in
from fd2.datasets._folder_layout import (
    alike,
    chosen_splits,
    one_folder,
    two_folders,
    unused_folders,
)
from fd2.datasets._folder_walk import FolderWalk
from fd2.datasets._groups import grouped, require_apart
from fd2.datasets._reading import reading_of, reading_properties
from fd2.datasets._shares import with_test_share
from fd2.datasets._source import ImageSource
from fd2.errors import FD2Error

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
        "classes": {
            "type": ["array", "null"],
            "items": {"type": "string", "minLength": 1},
            "minItems": 2,
            "uniqueItems": True,
            "default": None,
            "description": "imagefolder: names of the class folders that are taken, in the order "
            "of their labels; null takes all, in the order of their names",
        },
        "test_fraction": {
            "type": ["number", "null"],
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
            "default": None,
            "description": "imagefolder: share of each class that becomes the test split; null "
            "where the folder has train and test folders",
        },
        "group_by": {
            "type": ["string", "null"],
            "minLength": 1,
            "default": None,
            "description": "imagefolder: which pictures belong together and stay on one side of "
            "every split: a regular expression, searched in the path below the folder, whose "
            "brackets match the group's name; or a csv file with the columns path,group",
        },
        "allow_leakage": {
            "type": "boolean",
            "default": False,
            "description": "imagefolder: go on where a picture, or pictures of one group, stand "
            "both in training and test images, and tell it; refused without the key",
        },
        **reading_properties("imagefolder"),
    },
}

#: The setting that names a user's folder, which may change at any time.
FOLDER_SETTING = "path"
REMEDY = "replace or delete these files"


def source(settings: Mapping[str, Any], where: str) -> ImageSource:
    """List the folder's images.

    Classes are those of ``classes`` in its order, or all in lexicographic order of their folders'
    names, in NFC.

    Hidden and machine-made files, and those of suffixes that are not read, are passed over and
    told. Folders inside a class folder belong to the class.

    Raises:
        FD2Error: if the folder is missing or a part of it cannot be read, its layout is not one of
            the two, it has fewer than two classes or not those of ``classes``, a class has no
            images, train and test differ in classes or share images, a picture is a link to
            nowhere, or ``group_by`` is faulty.
    """
    root = filled_in(settings["path"], f"{where}, 'path'")
    if not root.is_dir():
        what = f"'{root}' is a file" if root.exists() else f"no such folder: {root}"
        raise FD2Error(what, where, "set 'path' to the folder that holds your images")
    fraction, group_by = settings.get("test_fraction"), settings.get("group_by")
    chosen = settings.get("classes")
    walk = FolderWalk(root)
    folders = walk.folders(root)
    if walk.unreadable:
        walk.require_readable()
    if fraction is not None:
        classes, images = one_folder(walk, folders, chosen)
        rule = f"first {fraction} of each class by sha256 of the name is test"
        unused: list[Remark] = []
    else:
        train, test = chosen_splits(folders, f"{root} ({where})")
        classes, images = two_folders(walk, train, test, chosen)
        rule = f"folders {train.name} and {test.name}"
        unused = unused_folders(folders, (train, test), walk)
    listed, remarks, facts = grouped(images, group_by, where)
    if fraction is not None:
        fix = (
            "what belongs together, by group_by or as files of equal bytes, is too large for the "
            "share: change test_fraction or group_by, or look at the equal files"
        )
        listed = with_test_share(listed, classes, float(fraction), "test", where, fix)
    reading = reading_of(settings)
    found = ImageSource(
        classes,
        listed,
        {"split_rule": rule, **facts, "reading": reading.facts()},
        reading=reading,
        remarks=(*unused, *alike(classes), *walk.remarks(), *remarks),
        remedy=REMEDY,
        refuses_shared=not settings.get("allow_leakage", False),
    )
    require_apart(found, where)
    return found
