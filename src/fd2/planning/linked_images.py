"""Pictures whose labels stand in a file, as class folders of links to them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from fd2.artifacts.class_folders import safe_name
from fd2.config.texts import CsvText
from fd2.errors import FD2Error, listing
from fd2.planning.hub_folders import ALL, NamedPicture, pictures_of, tables_of, write_pictures


def is_table(source: Path) -> bool:
    """Whether a path is a csv file, or a folder whose pictures have their labels in files.

    Raises:
        FD2Error: as `tables_of` and `pictures_of`.
    """
    return source.is_file() or bool(tables_of(source) or pictures_of(source))


def link_images(source: Path, folder: Path) -> Path:
    """Make class folders of links, below split folders where the source has several splits.

    A csv file has the columns ``path`` (or ``file_name``), relative to the file or absolute, and
    ``label``, and may have ``split``. Folders are as `fd2.planning.hub_folders` reads them;
    pictures in tables are written out. What lay in ``folder`` is deleted.

    Returns:
        The folder of class or split folders.

    Raises:
        FD2Error: for a table that cannot be read, pictures that are not there, or labels whose
            folders would have the same name.
    """
    tables = tables_of(source)
    images = list(_of_csv(source)) if source.is_file() else []
    if not tables and not images:
        images = pictures_of(source)
    if missing := [str(image.path) for image in images if not image.path.is_file()]:
        what = f"{len(missing)} of {len(images)} pictures are not there: {listing(missing, most=3)}"
        raise FD2Error(what, str(source), "write paths as from the folder of the table")
    if any(path.is_relative_to(folder) for path in (source, *(image.path for image in images))):
        raise FD2Error("its pictures would be deleted", str(folder), "move them elsewhere")
    if folder.exists():
        shutil.rmtree(folder)
    images += write_pictures(tables, folder / "unpacked")
    folders: dict[str, str] = {}
    for label in sorted({image.label for image in images}):
        if (twin := folders.setdefault(safe_name(label), label)) != label:
            fix = "rename one: letters, digits and blanks count"
            raise FD2Error(f"labels {twin!r} and {label!r} give the same folder", str(source), fix)
    split = len({image.split for image in images}) > 1
    for image in images:
        place = folder / "images" / (image.split if split else "") / safe_name(image.label)
        place.mkdir(parents=True, exist_ok=True)
        # A name that no other line changes, since names say which pictures are for testing.
        start = hashlib.sha256(image.name.encode()).hexdigest()[:12]
        (place / f"{start}_{image.path.name}").symlink_to(image.path.resolve())
    return folder / "images"


def _of_csv(table: Path) -> Iterator[NamedPicture]:
    text = CsvText.read(table)
    header = text.lines[0][1] if text.lines else ""
    column = "file_name" if "file_name" in header else "path"
    seen: set[str] = set()
    for number, row in text.rows((column, "label", "split"), ("split",), "a table of pictures"):
        name, label = row[column], row["label"]
        if not name or not label or name in seen:
            what = f"{name!r} stands twice" if name in seen else "a path or a label is empty"
            raise FD2Error(what, text.where(number), "write one line for each picture")
        seen.add(name)
        yield NamedPicture(table.parent / name, name, label, safe_name(row.get("split") or ALL))
