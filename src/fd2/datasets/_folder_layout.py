"""Class folders of a user's folder: beside each other, or below folders of two splits."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from fd2.artifacts.remarks import KEPT, Remark
from fd2.datasets._folder_walk import FolderWalk, count_pictures, in_nfc
from fd2.datasets._reading import SUFFIXES
from fd2.datasets._source import SourceImage, SplitName
from fd2.errors import FD2Error, listing, require_known

UNUSED = "pictures in folders beside the split folders, not used"
ALIKE = "classes whose names differ in case or blanks alone"
#: Pictures of each class by name.
_Classes = Mapping[str, Mapping[str, Path]]

Role = Literal["train", "test", "validation"]
_ROLES: dict[str, Role] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("test", "testing", "tests", "tst"), "test"),
    **dict.fromkeys(("eval", "evaluation", "holdout", "heldout"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "validate"), "validation"),
    **dict.fromkeys(("dev", "devel", "development"), "validation"),
}
#: Words that a split's name goes with.
_FILLING = r"(set|data|dataset|split|folder|images?|imgs?|pictures?|photos?)"


def role_of(name: str) -> Role | None:
    """The split that a folder's name means, in any case; None for other names."""
    word = unicodedata.normalize("NFKC", name).casefold()
    words = [part for part in re.split(r"[\W_]+", word) if part]
    kept = "".join(part for part in words if not re.fullmatch(_FILLING, part))
    return _ROLES.get(kept) or _ROLES.get(re.sub(_FILLING + r"$|(19|20)\d\d$", "", kept))


def _hints_at_split(name: str) -> bool:
    """Whether one of a name's words is a split's, as in ``01_train`` or ``test_v2``."""
    word = unicodedata.normalize("NFKC", name).casefold()
    return any(part in _ROLES for part in re.split(r"[\W_]+", word))


def _split_folders(folders: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Folders to train on, and to test on: test folders, or without these the validation's."""
    by_role: dict[Role | None, list[Path]] = defaultdict(list)
    for folder in folders:
        by_role[role_of(folder.name)].append(folder)
    return by_role["train"], by_role["test"] or by_role["validation"]


def has_splits(folders: Sequence[Path]) -> bool:
    """Whether there are folders to train on and folders to test on."""
    return all(_split_folders(folders))


def chosen_splits(folders: Sequence[Path], where: str) -> tuple[Path, Path]:
    """The folders to train and to test on.

    Raises:
        FD2Error: if one is missing, or several mean the same.
    """
    train, tested = _split_folders(folders)
    for several in (train, tested):
        if len(several) > 1:
            raise FD2Error(
                f"{listing([repr(folder.name) for folder in several])} mean the same split",
                where,
                "keep one of them, or take the others out of the folder",
            )
    if train and tested:
        return train[0], tested[0]
    raise FD2Error(
        "no train folder with a test folder (test, val or validation) beside it",
        where,
        _nested(folders) or _renamed(folders),
    )


def _renamed(folders: Sequence[Path]) -> str:
    """What to do where no folder has the name of a split."""
    names = [folder.name for folder in folders]
    if near := [repr(name) for name in names if _hints_at_split(name) and role_of(name) is None]:
        return f"call the split folders 'train' and 'test'; there are {listing(near)}"
    return "make both, or set test_fraction (e.g. 0.25) to split <class>/ folders"


def _nested(folders: Sequence[Path]) -> str:
    """Where the split or class folders are, if they lie in a single folder; else empty."""
    outer: Path | None = None
    while len(folders) == 1:
        outer = folders[0]
        folders = FolderWalk(outer).folders(outer)
    if outer is None or not folders:
        return ""
    names = listing([repr(folder.name) for folder in folders])
    return f"point 'path' at {outer}, which holds the folders {names}"


def one_folder(
    walk: FolderWalk, folders: Sequence[Path], chosen: Sequence[str] | None = None
) -> tuple[tuple[str, ...], list[SourceImage]]:
    """Classes and images of class folders beside each other, all of them to train on as yet.

    Args:
        walk: of the dataset's folder.
        folders: in it.
        chosen: the classes that are taken, in this order; None for all in order of their names.

    Raises:
        FD2Error: if folders mean splits, for fewer than two classes or one without images, or if a
            chosen one is missing.
    """
    train, tested = _split_folders(folders)
    if train and tested:
        names = " and ".join(folder.name for folder in (*train, *tested))
        raise FD2Error(
            f"test_fraction is set, but there are folders {names}" + _classes_below(train),
            str(walk.root),
            f"remove test_fraction to use these folders, or point 'path' at {train[0].name}",
        )
    [files] = _class_files(walk, {walk.root: folders}, chosen)
    for name, pictures in files.items():
        # A folder that means a split and holds folders of pictures is no class.
        if _hints_at_split(name) and all(key.count("/") > 1 for key in pictures):
            folder = walk.root / name
            raise FD2Error(
                f"folder {name!r} is named like a split" + _classes_below([folder]),
                str(folder),
                "point 'path' at it, or put a folder of test images beside it: 'train' and 'test'",
            )
    return _images(files, "train")


def _classes_below(folders: Iterable[Path]) -> str:
    below = [path.name for folder in folders for path in FolderWalk(folder).folders(folder)]
    return f"; below {listing([f.name for f in folders])}: {listing(below)}" if below else ""


def two_folders(
    walk: FolderWalk, train: Path, test: Path, chosen: Sequence[str] | None = None
) -> tuple[tuple[str, ...], list[SourceImage]]:
    """Classes and images of the class folders in two folders; ``chosen`` as for `one_folder`.

    Raises:
        FD2Error: if these differ in classes, for fewer than two classes or one without images, or
            if a chosen one is missing.
    """
    folders = {folder: walk.folders(folder) for folder in (train, test)}
    files = _class_files(walk, folders, chosen)
    found = dict(zip((train.name, test.name), files, strict=True))
    for has, lacks in ((train.name, test.name), (test.name, train.name)):
        missing = [name for name in found[has] if name not in found[lacks]]
        if not missing:
            continue
        fix = f"add their images to {lacks}, or take the classes away from {has}"
        near = {_plain(name): name for name in found[lacks]}
        if pairs := [f"{n!r} and {near[_plain(n)]!r}" for n in missing if _plain(n) in near]:
            fix = f"these differ in case or blanks alone, rename them: {listing(pairs)}; or {fix}"
        raise FD2Error(
            f"{len(missing)} class(es) in {has} but not in {lacks}: "
            + listing([repr(name) for name in missing]),
            str(walk.root / lacks),
            fix,
        )
    classes, images = _images(found[train.name], "train")
    return classes, images + _images(found[test.name], "test")[1]


def _images(files: _Classes, split: SplitName) -> tuple[tuple[str, ...], list[SourceImage]]:
    images = [
        SourceImage(path, name, class_id, split)
        for class_id, pictures in enumerate(files.values())
        for name, path in pictures.items()
    ]
    return tuple(files), images


def _class_files(
    walk: FolderWalk, folders: Mapping[Path, Sequence[Path]], chosen: Sequence[str] | None
) -> list[_Classes]:
    """Pictures of the classes in each folder, whose class folders are given.

    Raises:
        FD2Error: for what cannot be read, all of it, or a folder without two classes of pictures or
            without a chosen one.
    """
    paths = [in_nfc(found, folder) for folder, found in folders.items()]
    if chosen is not None:
        paths = [_chosen(own, chosen, f) for own, f in zip(paths, folders, strict=True)]
    classes = [{name: walk.pictures(path) for name, path in own.items()} for own in paths]
    walk.require_readable()
    for (folder, found), own, images in zip(folders.items(), paths, classes, strict=True):
        if len(found) < 2:
            raise FD2Error(
                f"one class folder only: {found[0].name!r}" if found else "no class folders",
                str(folder),
                _nested(found)
                or "make one folder a class, at least two, and put the images into them",
            )
        if empty := [repr(name) for name, files in images.items() if not files]:
            others = [str(remark) for remark in walk.remarks()]
            raise FD2Error(
                f"{len(empty)} class(es) without images: {listing(empty)}",
                "; ".join([str(folder), *others]),
                f"add images ({' '.join(SUFFIXES)}) or remove the folders",
            )
        _require_no_splits_below(images, own)
    return list(classes)


def _chosen(paths: Mapping[str, Path], chosen: Sequence[str], folder: Path) -> dict[str, Path]:
    """The class folders of these names, in their order.

    Raises:
        FD2Error: for one that is not there, with the nearest that is.
    """
    names = [unicodedata.normalize("NFC", name) for name in chosen]
    for name in names:
        require_known("class", name, paths, f"setting 'classes', folders in {folder}")
    return {name: paths[name] for name in names}


def _require_no_splits_below(classes: _Classes, paths: Mapping[str, Path]) -> None:
    """Refuse class folders that hold folders of the splits."""
    turned: list[str] = []
    for name, pictures in classes.items():
        parts = [path.relative_to(paths[name]).parts for path in pictures.values()]
        roles = {role_of(inner[0]): inner[0] for inner in parts if len(inner) > 1}
        if "train" in roles and roles.keys() & {"test", "validation"}:
            turned += [f"{name}/{inner}" for role, inner in sorted(roles.items()) if role]
    if turned:
        raise FD2Error(
            f"class folders that hold folders of splits: {listing(turned)}",
            str(next(iter(paths.values())).parent),
            "turn them round: <split>/<class>/ in place of <class>/<split>/",
        )


def unused_folders(
    folders: Sequence[Path], used: tuple[Path, Path], walk: FolderWalk
) -> list[Remark]:
    """Pictures in folders beside those of the splits, such as a third split."""
    counts = {walk.name(f): count_pictures(f) for f in folders if f not in used}
    held = [f"{name} ({count})" for name, count in counts.items() if count]
    return [Remark(UNUSED, sum(counts.values()), tuple(held[:KEPT]))] if held else []


def alike(classes: Sequence[str]) -> list[Remark]:
    """Classes that a reader may take for one."""
    same: dict[str, list[str]] = defaultdict(list)
    for name in classes:
        same[_plain(name)].append(name)
    alike = [name for names in same.values() if len(names) > 1 for name in names]
    return [Remark.of(ALIKE, alike)] if alike else []


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
