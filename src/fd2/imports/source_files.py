"""The files of a set that others made, or of its labels: which there are, and a digest of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fd2.artifacts.records import read_content
from fd2.config.pathvars import filled_in
from fd2.datasets._reading import SUFFIXES
from fd2.errors import FD2Error, listing

WHERE = "setting 'distill.methods.imported.{}'"
#: Files that torch.save writes. They are pickles, which are opened only where a user names them.
PICKLES = (".pt", ".pth", ".tar", ".pkl")
#: How deep parquet files lie, as in copies of the Hugging Face hub.
_DEPTHS = ("*.parquet", "*/*.parquet", "*/*/*.parquet")
#: A table about pictures that are files, not of pictures; exports of this project have it.
_BESIDE_PICTURES = "metadata.parquet"
_NUMBERS = re.compile(r"(\d+)")
#: Where class folders lie one deeper: in exports of this project, or where there are splits.
_INNER = ("images", "train")


@dataclass(frozen=True)
class ForeignFiles:
    """Files that belong together.

    Attributes:
        root: the folder they lie in, or the file of images.
    """

    root: Path

    def files(self) -> list[Path]:
        """Every file once, in a fixed order."""
        raise NotImplementedError

    def listing(self) -> str:
        """A sha256 that changes where a file is added, removed, renamed or has another size.

        Raises:
            OSError: if a file is gone.
        """
        digest = hashlib.sha256()
        for path in self.files():
            digest.update(f"{self._name(path)!r}, {path.stat().st_size}\n".encode())
        return digest.hexdigest()

    def digest(self) -> str:
        """A sha256 of all names and bytes.

        Raises:
            OSError: if a file cannot be read.
        """
        whole = hashlib.sha256()
        for path in self.files():
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            whole.update(f"{self._name(path)!r}, {content}\n".encode())
        return whole.hexdigest()

    def _name(self, path: Path) -> str:
        inside = path.is_relative_to(self.root) and path != self.root
        return path.relative_to(self.root).as_posix() if inside else path.name


@dataclass(frozen=True)
class SourceFiles(ForeignFiles):
    """What there is of a set.

    Attributes:
        kind: ``folders`` of pictures, one a class; ``tables`` of pictures; ``tensors``.
        classes: names of the class folders in the order of their numbers; empty for other kinds.
        images: the pictures of each class folder, in the order of their numbers; or all tables, or
            the one file of tensors.
        labels, rate: files that belong to tensors.
    """

    kind: Literal["folders", "tables", "tensors"]
    classes: tuple[str, ...]
    images: tuple[tuple[Path, ...], ...]
    labels: Path | None = None
    rate: Path | None = None

    def files(self) -> list[Path]:
        """Pictures, tables or tensors, and what belongs to them."""
        own = [path for group in self.images for path in group]
        return [*own, *(path for path in (self.labels, self.rate) if path is not None)]


@dataclass(frozen=True)
class LabelFiles(ForeignFiles):
    """The soft labels of a set in FKD's layout.

    Attributes:
        epochs: the files of the batches of each epoch, both from 0 on.
    """

    epochs: tuple[tuple[Path, ...], ...]

    def files(self) -> list[Path]:
        """The batches of all epochs."""
        return [path for batches in self.epochs for path in batches]


def source_files(settings: Mapping[str, Any], images_per_class: int) -> SourceFiles:
    """Find the files that settings of the method ``imported`` name; none is opened.

    Raises:
        FD2Error: if there is none, a folder holds pickles in place of pictures, labels or a rate
            are given beside pictures, or FKD's labels beside anything but class folders.
    """
    paths = {
        key: None if settings[key] is None else _path(str(settings[key]), images_per_class, key)
        for key in ("path", "labels", "rate")
    }
    root, labels, rate = paths["path"], paths["labels"], paths["rate"]
    assert root is not None
    for key, path in paths.items():
        if path is not None and not path.is_file() and not (key == "path" and path.is_dir()):
            raise FD2Error(
                f"no such file{' or folder' * (key == 'path')}: {path}",
                WHERE.format(key),
                "name what there is, or take the variant out of the sheet",
            )
    if root.is_file():
        if root.suffix.lower() not in PICKLES:
            fix = f"name a file of tensors ({', '.join(PICKLES)}), or a folder"
            raise FD2Error(f"not a set: {root}", WHERE.format("path"), fix)
        _require_pictures(settings, "a file of tensors")
        return SourceFiles(root, "tensors", (), ((root,),), labels, rate)
    if given := next((key for key in ("labels", "rate") if paths[key] is not None), None):
        fix = "leave it null; pictures have the labels of their folders"
        raise FD2Error(f"'{given}' beside pictures", WHERE.format(given), fix)
    found = {path for depth in _DEPTHS for path in root.glob(depth)}
    if tables := sorted(path for path in found if path.name != _BESIDE_PICTURES):
        _require_pictures(settings, "parquet files")
        return SourceFiles(root, "tables", (), (tuple(tables),))
    return _class_folders(root)


def label_files(
    settings: Mapping[str, Any], images_per_class: int, epochs: int | None = None
) -> LabelFiles:
    """Find the batches of soft labels in the folder that ``soft_labels`` names; none is opened.

    Source: ``relabel/generate_soft_label.py`` of SRe²L: ``epoch_{e}/batch_{b}.tar``.

    Args:
        settings: of the method ``imported``.
        images_per_class: n.
        epochs: how many are wanted, the first ones; None for all there are.

    Raises:
        FD2Error: if an epoch or a batch is missing, or epochs have different numbers of batches.
    """
    root = _path(str(settings["soft_labels"]), images_per_class, "soft_labels")
    where = WHERE.format("soft_labels")
    numbers = _numbered(root, "epoch_", "") if root.is_dir() else []
    there = next((n for n in range(len(numbers)) if n != numbers[n]), len(numbers))
    wanted = max(len(numbers), 1) if epochs is None else epochs
    if there < wanted:
        what = f"no folder epoch_{there} in {root}"
        if epochs is None:
            fix = "name the folder that holds epoch_0, or get a whole copy"
        else:
            what += f", {wanted} epochs of labels are wanted"
            fix = "lower 'relabel.epochs' or 'relabel.stored_epochs', or get a whole copy"
        raise FD2Error(what, where, fix)
    batches = [_numbered(root / f"epoch_{epoch}", "batch_", ".tar") for epoch in range(wanted)]
    for epoch, found in enumerate(batches):
        whole = range(max(len(batches[0]), 1))
        if missing := sorted(set(whole) - set(found)):
            path = root / f"epoch_{epoch}" / f"batch_{missing[0]}.tar"
            raise FD2Error(f"no file {path}", where, "get a whole copy of the labels")
        if len(found) > len(whole):
            what = f"epoch_{epoch} has {len(found)} batches, epoch_0 has {len(whole)}"
            raise FD2Error(what, str(root), "get a whole copy of the labels")
    names = [[f"epoch_{e}/batch_{b}.tar" for b in found] for e, found in enumerate(batches)]
    return LabelFiles(root, tuple(tuple(root / name for name in epoch) for epoch in names))


def source_listing(settings: Mapping[str, Any], images_per_class: int, record: Path) -> str | None:
    """What the files of a set are, told by names and sizes.

    Files that are not there, e.g. on a disk that is not mounted, count as unchanged: what was
    imported from them stays good.

    Args:
        settings: of the method.
        images_per_class: n.
        record: of the imported set, where there is one.

    Returns:
        A digest, or why they cannot be listed, which is for the stage to refuse.
    """
    root = _path(settings["path"], images_per_class, "path")
    return _listing(root, record, lambda: source_files(settings, images_per_class))


def label_listing(
    settings: Mapping[str, Any], images_per_class: int, epochs: int, record: Path
) -> str | None:
    """As `source_listing`, of the first epochs of the set's soft labels."""
    root = _path(settings["soft_labels"], images_per_class, "soft_labels")
    return _listing(root, record, lambda: label_files(settings, images_per_class, epochs))


def _listing(root: Path, record: Path, find: Callable[[], ForeignFiles]) -> str | None:
    if record.is_file() and not root.exists():
        known: str | None = read_content(record).get("listing")
        return known
    try:
        return find().listing()
    except (FD2Error, OSError) as error:
        return str(error)


def by_number(name: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts ``id2`` before ``id10``."""
    parts = _NUMBERS.split(name)
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)


def _require_pictures(settings: Mapping[str, Any], found: str) -> None:
    if settings.get("soft_labels") is not None:
        what = f"'soft_labels' beside {found}: FKD numbers images by the names of their files"
        fix = "name the class folders that the labels are of, or set it to null"
        raise FD2Error(what, WHERE.format("soft_labels"), fix)


def _numbered(folder: Path, start: str, end: str) -> list[int]:
    """The numbers in names such as ``batch_0.tar``, ascending; none of a missing folder."""
    pattern = re.compile(f"{start}(0|[1-9][0-9]*){re.escape(end)}")
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else iter(())
    return sorted(int(found[1]) for name in names if (found := pattern.fullmatch(name)))


def _path(text: str, images_per_class: int, key: str) -> Path:
    return filled_in(text.replace("{ipc}", str(images_per_class)), WHERE.format(key)).absolute()


def _class_folders(root: Path) -> SourceFiles:
    folders = _folders(root)
    inner = next((folder for folder in folders if folder.name in _INNER), None)
    if inner is not None and not any(map(_pictures, folders)):
        root, folders = inner, _folders(inner)
    pictures = {
        folder.name: tuple(sorted(_pictures(folder), key=lambda path: by_number(path.name)))
        for folder in sorted(folders, key=lambda path: by_number(path.name))
    }
    if not any(pictures.values()):
        pickles = sorted(path.name for path in root.iterdir() if path.suffix.lower() in PICKLES)
        if pickles:
            what = f"no class folders, but pickles, which are not opened unasked: {pickles[0]}"
            fix = f"name the file itself: {root / pickles[0]}"
            raise FD2Error(what, str(root), fix)
        kinds = ", ".join(SUFFIXES)
        fix = f"name the folder that holds one folder a class, with pictures of {kinds}"
        raise FD2Error("no class folders with pictures", str(root), fix)
    if empty := [name for name, files in pictures.items() if not files]:
        what = f"{len(empty)} class folder(s) without pictures: {listing(empty)}"
        raise FD2Error(what, str(root), "get a whole copy of the set")
    return SourceFiles(root, "folders", tuple(pictures), tuple(pictures.values()))


def _folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _pictures(folder: Path) -> list[Path]:
    files = (path for path in folder.iterdir() if not path.name.startswith("."))
    return [path for path in files if path.suffix.lower() in SUFFIXES and path.is_file()]
