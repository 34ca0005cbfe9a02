"""Parquet files of images and labels, as the Hugging Face hub serves them, turned into files."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from fd2.downloads.members import Members
from fd2.errors import FD2Error

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

#: Beside the images: ``classes``, the names, and ``images``, a file name and a zero-based label
#: for each.
LISTING = "labels.json"
#: What to do about a file that somebody made: the columns that are read.
COLUMNS = (
    "it needs a column 'image' of structs with the pictures' 'bytes', and a column 'label' of "
    "numbers that the schema names, as the library 'datasets' writes them; get a whole copy of a "
    "damaged one"
)
_FETCHED = "delete the file and run again, or get it from another source"
_ROWS = 64  # held in memory at a time
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")


class _UnusableError(Exception):
    """Why a file cannot be read."""


@dataclass(frozen=True)
class ImageTable:
    """A parquet file of images and labels, open.

    Attributes:
        classes: names in the hub's schema; a label is a position among them.
        size: bytes of all rows, uncompressed.
        rows: file name, content and label of each image, once, in the order of the table.
    """

    classes: list[str]
    size: int
    rows: Iterator[tuple[str, bytes, int]]


@contextmanager
def open_table(path: Path, label_column: str, fix: str) -> Iterator[ImageTable]:
    """Open a file with the columns ``image`` (a struct with ``bytes``) and ``label_column``.

    File names are row numbers: no name within the table is used. ``fix`` says what to do about a
    file that is something else.

    Raises:
        FD2Error: for a damaged file, other columns, an image without bytes, or a label that no
            class name belongs to; for rows when they are read.
    """
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as table:
            classes = _class_names(table, label_column)
            facts = table.metadata
            groups = (facts.row_group(number) for number in range(facts.num_row_groups))
            size = sum(group.total_byte_size for group in groups)
            yield ImageTable(classes, size, _rows(table, len(classes), label_column))
    except _UnusableError as error:
        raise _refusal(path, str(error), fix) from error
    except (ArrowException, OSError) as error:
        # Arrow reports some damage as an error of the system, without its number.
        if getattr(error, "errno", None) is not None:
            raise
        raise _refusal(path, str(error).partition("\n")[0], fix) from error


def _rows(table: ParquetFile, classes: int, label_column: str) -> Iterator[tuple[str, bytes, int]]:
    row = 0
    for batch in table.iter_batches(_ROWS, columns=["image", label_column]):
        for values in batch.to_pylist():
            name, content = _file(values["image"], row)
            label = values[label_column]
            if not isinstance(label, int) or not 0 <= label < classes:
                raise _UnusableError(f"a label is {label}, with {classes} classes")
            yield name, content, label
            row += 1


def extract_images(path: Path, members: Members, label_column: str) -> None:
    """Write the images of a parquet file as they are, numbered by row, and `LISTING`.

    Raises:
        FD2Error: as `open_table`; for more bytes than the file's size explains.
        OSError: where a file cannot be written.
    """
    from fd2.artifacts.records import write_record

    images: list[tuple[str, int]] = []
    with open_table(path, label_column, _FETCHED) as table:
        members.require_size(table.size)
        for name, content, label in table.rows:
            members.add_file(name, io.BytesIO(content))
            images.append((name, label))
    write_record(members.folder / LISTING, {"classes": table.classes, "images": images})


def _class_names(table: ParquetFile, label_column: str) -> list[str]:
    schema = table.schema_arrow
    if not {"image", label_column} <= set(schema.names):
        columns = ", ".join(schema.names)
        raise _UnusableError(f"its columns are {columns}, not image and {label_column}")
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[label_column]["names"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _UnusableError("its schema does not name the classes") from error
    return [str(name) for name in names]


def _file(image: Any, row: int) -> tuple[str, bytes]:
    content = image.get("bytes") if isinstance(image, dict) else None
    if not content:
        raise _UnusableError(f"row {row} holds no image")
    suffix = PurePosixPath(str(image.get("path"))).suffix.lower()
    return f"{row:06}{suffix if suffix in _SUFFIXES else '.jpg'}", content


def _refusal(path: Path, reason: str, fix: str) -> FD2Error:
    return FD2Error(f"not a table of labelled images: {reason}", str(path), fix)
