"""Images and labels in parquet files: where they are had, and what they were unpacked to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from fd2.datasets._source import SourceImage, SplitName
from fd2.downloads.archive import Archive
from fd2.downloads.image_table import LISTING
from fd2.errors import FD2Error

#: The split that a file's images belong to, by the beginning of its name.
SPLITS: Mapping[str, SplitName] = {"train": "train", "test": "test"}


def table_archives(
    folder: str, splits: Iterable[str] = SPLITS, label_column: str = "label"
) -> tuple[Archive, ...]:
    """Two files of each split, at the hub's address ``folder``, which names their commit.

    That is all that is known of them, so that the numbers of images and labels decide.
    """
    names = [f"{split}-{part:05}-of-00002.parquet" for split in splits for part in range(2)]
    return tuple(Archive.in_folders(name, folder, label_column=label_column) for name in names)


def has_tables(root: Path, splits: Iterable[str] = SPLITS) -> bool:
    """Whether parquet files of each beginning have been unpacked in ``root``."""
    return all(_listings(root, split) for split in splits)


def tabled_images(
    root: Path, splits: Mapping[str, SplitName] = SPLITS
) -> tuple[tuple[str, ...], list[SourceImage]]:
    """Class names and images, in the order of ``splits``, of the files and of their rows.

    Raises:
        FD2Error: if a listing is damaged, or the files name other classes.
    """
    from fd2.artifacts.records import parsing, read_content

    classes: list[str] = []
    images = []
    for prefix, split in splits.items():
        for listing in _listings(root, prefix):
            folder, content = listing.parent, read_content(listing)
            with parsing(listing):
                names = list(content["classes"])
                rows = [(str(file), int(label)) for file, label in content["images"]]
            if classes and names != classes:
                what = "it names other classes than the files before it"
                raise FD2Error(
                    f"not the labels of unpacked images: {what}",
                    str(folder),
                    "delete the folder and run again",
                )
            classes = names
            images += [
                SourceImage(folder / file, f"{folder.name}/{file}", label, split)
                for file, label in rows
            ]
    return tuple(classes), images


def _listings(root: Path, prefix: str) -> list[Path]:
    return sorted(root.glob(f"{prefix}-*/{LISTING}"))
