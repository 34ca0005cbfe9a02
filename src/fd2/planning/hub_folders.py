"""Folders of the Hugging Face hub and of its library ``datasets``, whose pictures have labels."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fd2.artifacts.class_folders import safe_name
from fd2.config.texts import read_text
from fd2.datasets._folder_layout import role_of
from fd2.downloads.image_table import COLUMNS, open_table
from fd2.errors import FD2Error, listing

#: How deep parquet files lie, as in copies of the hub.
_DEPTHS = ("*.parquet", "*/*.parquet", "*/*/*.parquet")
#: Files about pictures that lie beside them.
_METADATA = ("metadata.csv", "metadata.jsonl")
#: Such a file too, which is none of pictures; it stands in exports of this project.
_BESIDE_PICTURES = "metadata.parquet"
#: Names the files of a split that ``save_to_disk`` wrote.
_STATE = "state.json"
#: Of a picture's split where nothing says it.
ALL = "all"


@dataclass(frozen=True)
class NamedPicture:
    """A picture with what names it; ``split`` is `ALL` where nothing says it."""

    path: Path
    name: str
    label: str
    split: str


def tables_of(source: Path) -> list[tuple[Path, str]]:
    """Files of pictures and labels in a folder, each with its split.

    They are parquet files, as ``data/train-00000-of-00002.parquet`` or
    ``default/train/0000.parquet``, or those that ``save_to_disk`` wrote.

    Raises:
        FD2Error: if what ``save_to_disk`` wrote is damaged, or two files have the same name.
    """
    files = sorted(path for depth in _DEPTHS for path in source.glob(depth))
    files = [path for path in files if path.name != _BESIDE_PICTURES]
    for place in (source, *sorted(source.glob("*/"))):
        if (place / _STATE).is_file() and (place / "dataset_info.json").is_file():
            files += _saved_files(place)
    found: dict[tuple[str, str], Path] = {}
    for path in files:
        names = [path.stem.split("-")[0], path.parent.name]
        key = next(filter(role_of, names), ALL), path.stem
        if (first := found.setdefault(key, path)) != path:
            fix = "name the folder of one of them"
            raise FD2Error(f"two sets: {first} and {path}", str(source), fix)
    return [(path, split) for (split, _), path in found.items()]


def _saved_files(folder: Path) -> list[Path]:
    """The files that ``save_to_disk`` lists; others may be left of what was computed from them."""
    try:
        content = json.loads(read_text(folder / _STATE))
        files = [folder / Path(one["filename"]).name for one in content["_data_files"]]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        what = f"not what save_to_disk writes: {type(error).__name__} {error}"
        raise FD2Error(what, str(folder / _STATE), "get a whole copy") from error
    if missing := [path.name for path in files if not path.is_file()]:
        what = f"{len(missing)} of {len(files)} files are not there: {listing(missing)}"
        raise FD2Error(what, str(folder), "get a whole copy")
    return files


def write_pictures(tables: Sequence[tuple[Path, str]], folder: Path) -> Iterator[NamedPicture]:
    """Write the pictures of tables out below a folder.

    Raises:
        FD2Error: as `open_table`, of which the first failing one stops it.
    """
    for table, split in tables:
        place = folder / split / table.stem
        place.mkdir(parents=True)
        with open_table(table, None, COLUMNS) as content:
            for file, picture, label in content.rows:
                (place / file).write_bytes(picture)
                name = f"{split}/{table.stem}/{file}"
                yield NamedPicture(place / file, name, content.classes[label], split)


def pictures_of(source: Path) -> list[NamedPicture]:
    """The pictures that metadata files name, as the kind ``imagefolder`` has them.

    The files lie in the folder, or in those of its splits. One without a column ``file_name`` is
    something else; so is one without ``label`` where pictures lie in class folders.

    Raises:
        FD2Error: if a file cannot be read, it cannot be told which column has the labels, a line
            lacks a picture or a label, or a picture stands twice.
    """
    found: dict[Path, NamedPicture] = {}
    folders = [source, *sorted(path for path in source.glob("*/") if role_of(path.name))]
    files = [folder / name for folder in folders for name in _METADATA]
    for file in filter(Path.is_file, files):
        rows = _rows(file)
        column = _label_column(file, rows)
        if column is None:
            continue
        for row in rows:
            name, label = row.get("file_name") or "", row.get(column)
            path = file.parent / str(name)
            if path in found or not name or label == "" or not isinstance(label, str | int):
                reason = "stands twice" if path in found else f"has the label {label!r}"
                raise _refusal(file, f"the picture {name!r} {reason}")
            below = path.relative_to(source) if path.is_relative_to(source) else path
            split = next(filter(role_of, below.parent.parts[:1]), ALL)
            found[path] = NamedPicture(path, below.as_posix(), str(label), safe_name(split))
    return list(found.values())


def _rows(file: Path) -> list[dict[str, Any]]:
    """The lines of a metadata file by their columns."""
    text = read_text(file)
    try:
        if file.suffix == ".csv":
            return list(csv.DictReader(io.StringIO(text), strict=True))
        return [dict(json.loads(line)) for line in text.split("\n") if line.strip()]
    except (ValueError, TypeError, RecursionError, csv.Error) as error:
        raise _refusal(file, f"it cannot be read: {error}") from error


def _label_column(file: Path, rows: Sequence[dict[str, Any]]) -> str | None:
    """The column of the labels; None where there are no such."""
    columns = list(map(str, rows[0])) if rows else []
    if "file_name" not in columns or "label" in columns:
        return "label" if "file_name" in columns else None
    folders = {part for row in rows for part in Path(str(row.get("file_name"))).parts[:-1]}
    if any(role_of(folder) is None for folder in folders):
        return None
    if len(columns) != 2:
        raise _refusal(file, f"of its columns {', '.join(columns)} none is called label")
    return next(column for column in columns if column != "file_name")


def _refusal(file: Path, what: str) -> FD2Error:
    fix = "write a file_name, as seen from the file, and a label for each picture"
    return FD2Error(f"no table of labelled pictures: {what}", str(file), fix)
