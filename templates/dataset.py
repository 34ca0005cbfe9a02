# Copy to src/fd2/datasets/listed.py, under a name of your own.
"""Images listed in a csv file with the columns name, class and split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fd2.config.texts import CsvText
from fd2.datasets._source import ImageSource, SourceImage
from fd2.errors import FD2Error

SETTINGS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["path"],
    "properties": {
        "path": {"type": "string", "minLength": 1, "description": "Folder with images.csv."}
    },
}


def source(settings: Mapping[str, Any], place: str) -> ImageSource:
    """List the images in the order of the csv file; classes are sorted by name.

    Raises:
        FD2Error: if there is no csv file, or it cannot be read; with the line.
    """
    root = Path(settings["path"]).expanduser()
    listing = root / "images.csv"
    if not listing.is_file():
        raise FD2Error("no images.csv", f"{root} ({place})", "write lines of name,class,split")
    rows = [row for _, row in CsvText.read(listing).rows(("name", "class", "split"))]
    classes = tuple(sorted({row["class"] for row in rows}))
    images = tuple(
        SourceImage(
            root / row["name"],
            row["name"],
            classes.index(row["class"]),
            "test" if row["split"] == "test" else "train",
        )
        for row in rows
    )
    return ImageSource(classes, images, {"split_rule": "column split of images.csv"})
