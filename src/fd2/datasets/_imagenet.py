"""The images of some classes in a local ImageNet-1K: sorted into folders, or as on Kaggle."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from fd2.datasets._public import incomplete
from fd2.datasets._source import SourceImage, SplitName
from fd2.errors import FD2Error

#: Classes of the validation images where these lie in one folder.
SOLUTION = "LOC_val_solution.csv"
#: For descriptions of settings.
LAYOUT = f"train/<wnid>/, and val/<wnid>/ or flat val/ with {SOLUTION}"
_SUFFIXES = (".jpeg", ".jpg")
_FOLDERS: tuple[tuple[str, SplitName], ...] = (("train", "train"), ("val", "test"))


def class_images(root: Path, wnids: Sequence[str], flat: bool) -> list[SourceImage]:
    """Training images, then those of ``val`` as test images, class by class.

    Args:
        root: holds ``train`` and ``val``.
        wnids: the classes by label.
        flat: whether validation images may lie in one folder.

    Raises:
        FD2Error: if the folder of a class is missing, or validation images have no classes.
    """
    return [
        SourceImage(path, f"{folder}/{wnid}/{path.name}", wnids.index(wnid), split)
        for folder, split in _FOLDERS
        for wnid, path in _files(root, folder, wnids, flat)
    ]


def _files(root: Path, folder: str, wnids: Sequence[str], flat: bool) -> Iterator[tuple[str, Path]]:
    """WordNet id and path of each image below ``folder``."""
    if flat and folder == "val" and not any((root / folder / wnid).is_dir() for wnid in wnids):
        yield from _flat(root, wnids)
        return
    for wnid in wnids:
        where = root / folder / wnid
        if not where.is_dir():
            raise incomplete(f"no folder of class {wnid}", where)
        paths = sorted(where.iterdir(), key=lambda path: path.name)
        yield from ((wnid, p) for p in paths if p.suffix.lower() in _SUFFIXES)


def _flat(root: Path, wnids: Sequence[str]) -> list[tuple[str, Path]]:
    """ImageNet's validation images in one folder, as on Kaggle, with the classes in a csv file."""
    listings = [folder / SOLUTION for folder in (root, *root.parents[:3])]
    listing = next((path for path in listings if path.is_file()), None)
    if listing is None:
        raise FD2Error(
            f"validation images in one folder, and no {SOLUTION} with their classes",
            str(root / "val"),
            f"put {SOLUTION} (from Kaggle) beside it, or sort the images into folders val/<wnid>/",
        )
    with listing.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or not {"ImageId", "PredictionString"} <= rows[0].keys():
        raise incomplete("no columns ImageId and PredictionString", listing)
    labelled = ((row["PredictionString"].partition(" ")[0], row["ImageId"]) for row in rows)
    # Class by class in the order of the labels.
    chosen = sorted((wnids.index(wnid), name) for wnid, name in labelled if wnid in wnids)
    return [(wnids[label], root / "val" / f"{name}.JPEG") for label, name in chosen]
