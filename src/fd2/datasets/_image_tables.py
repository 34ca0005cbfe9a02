"""Images and labels that lay in parquet files and were unpacked beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fd2.datasets._source import SourceImage, SplitName
from fd2.downloads.image_table import LISTING
from fd2.errors import FD2Error

#: The split that a file's images belong to, by the beginning of its name.
SPLITS: Mapping[str, SplitName] = {"train": "train", "test": "test"}


def has_tables(root: Path, splits: Mapping[str, SplitName] = SPLITS) -> bool:
    """Whether parquet files of each beginning have been unpacked in ``root``."""
    return all(_folders(root, prefix) for prefix in splits)


def tabled_images(
    root: Path, splits: Mapping[str, SplitName] = SPLITS
) -> tuple[tuple[str, ...], list[SourceImage]]:
    """Class names and images, in the order of ``splits``, of the files and of their rows.

    Each parquet file was unpacked into a folder of ``root``, such as ``train-*``.

    Raises:
        FD2Error: if a listing is damaged, or the files name other classes.
    """
    classes: tuple[str, ...] | None = None
    images = []
    for prefix, split in splits.items():
        for folder in _folders(root, prefix):
            names, rows = _listing(folder / LISTING)
            if classes is not None and names != classes:
                raise _damaged(folder, "it names other classes than the files before it")
            classes = names
            for file, label in rows:
                name = f"{folder.name}/{file}"
                images.append(SourceImage(folder / file, name, label, split))
    return classes or (), images


def _folders(root: Path, prefix: str) -> list[Path]:
    return sorted(path.parent for path in root.glob(f"{prefix}-*/{LISTING}"))


def _listing(path: Path) -> tuple[tuple[str, ...], list[tuple[str, int]]]:
    from fd2.artifacts.records import parsing, read_content

    content = read_content(path)
    with parsing(path):
        return tuple(content["classes"]), [(str(file), int(i)) for file, i in content["images"]]


def _damaged(path: Path, reason: str) -> FD2Error:
    return FD2Error(
        f"not the labels of unpacked images: {reason}", str(path), "delete the folder and run again"
    )
