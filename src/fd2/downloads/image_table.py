"""Tables of images and labels, as the Hugging Face hub and its library ``datasets`` write them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from fd2.downloads.members import Members
from fd2.errors import FD2Error

if TYPE_CHECKING:
    from pyarrow import RecordBatch, Schema

#: Beside the images: ``classes``, the names, and ``images``, a file name and a zero-based label
#: for each.
LISTING = "labels.json"
#: What to do about a file that somebody made: the columns that are read.
COLUMNS = (
    "it needs one column of structs with the pictures' 'bytes', or one of several called 'image'; "
    "and a column 'label' of names, or of numbers that the schema names, as the library 'datasets' "
    "writes them; get a whole copy of a damaged one"
)
_FETCHED = "delete the file and run again, or get it from another source"
#: Of a file that ``save_to_disk`` writes, a stream of Arrow; other files are parquet.
STREAM = ".arrow"
_ROWS = 64  # held in memory at a time
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")


class _UnusableError(Exception):
    """Why a file cannot be read."""


@dataclass(frozen=True)
class ImageTable:
    """A file of images and labels, open.

    Attributes:
        classes: names in the schema, or where labels are names these, sorted; a label is a
            position among them.
        size: bytes of all rows, uncompressed.
        rows: file name, content and label of each image, once, in the order of the table.
    """

    classes: list[str]
    size: int
    rows: Iterator[tuple[str, bytes, int]]


@dataclass(frozen=True)
class _Opened:
    """What a file has; ``batches`` are its rows from the first on, of some columns."""

    schema: Schema
    size: int
    batches: Callable[[Sequence[str]], Iterator[RecordBatch]]


@contextmanager
def open_table(path: Path, label_column: str | None, fix: str) -> Iterator[ImageTable]:
    """Open a table with a column of images and one of labels.

    The images' column is the one of structs with ``bytes``, or of several the one called
    ``image``. Without a ``label_column`` it is ``label``, or the only one whose classes the schema
    names. File names are row numbers: no name within the table is used.

    Args:
        path: a parquet file, or one that ends in ``.arrow``.
        label_column: its name; None to look for it.
        fix: what to do about a file that is something else.

    Raises:
        FD2Error: for a damaged file, columns that are not there or not the only ones, an image
            without bytes, or a label that no class belongs to; for rows when they are read.
    """
    from pyarrow import ArrowException

    what = "not a table of labelled images: "
    try:
        with (_stream if path.suffix == STREAM else _parquet)(path) as opened:
            named = _class_names(opened.schema)
            image, label = _columns(opened.schema, named, label_column)
            classes = named.get(label) or _names_in(opened.batches([label]))
            labels = range(len(classes)) if label in named else classes
            positions = {value: position for position, value in enumerate(labels)}
            rows = _rows(opened.batches([image, label]), positions)
            yield ImageTable(classes, opened.size, rows)
    except _UnusableError as error:
        raise FD2Error(f"{what}{error}", str(path), fix) from error
    except (ArrowException, OSError) as error:
        # Arrow reports some damage as an error of the system, without its number.
        if getattr(error, "errno", None) is not None:
            raise
        raise FD2Error(what + str(error).partition("\n")[0], str(path), fix) from error


@contextmanager
def _parquet(path: Path) -> Iterator[_Opened]:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as table:
        facts = table.metadata
        groups = (facts.row_group(number) for number in range(facts.num_row_groups))
        size = sum(group.total_byte_size for group in groups)

        def batches(columns: Sequence[str]) -> Iterator[RecordBatch]:
            for batch in table.iter_batches(_ROWS, columns=columns):
                yield batch.select(columns)

        yield _Opened(table.schema_arrow, size, batches)


@contextmanager
def _stream(path: Path) -> Iterator[_Opened]:
    from pyarrow import memory_map
    from pyarrow.ipc import open_stream

    with memory_map(str(path)) as content:

        def batches(columns: Sequence[str]) -> Iterator[RecordBatch]:
            content.seek(0)
            for batch in open_stream(content):
                for start in range(0, batch.num_rows, _ROWS):
                    yield batch.select(columns).slice(start, _ROWS)

        yield _Opened(open_stream(content).schema, path.stat().st_size, batches)


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


def _class_names(schema: Schema) -> dict[str, list[str]]:
    """The names of the classes by column, for each column whose metadata has them."""
    try:
        features = dict(json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    # Of labels in a list the names stand one deeper.
    known = {key: one.get("names") for key, one in features.items() if isinstance(one, dict)}
    return {key: list(map(str, names)) for key, names in known.items() if isinstance(names, list)}


def _columns(schema: Schema, named: Mapping[str, Any], label: str | None) -> tuple[str, str]:
    """The columns of images and of labels."""
    from pyarrow.types import is_struct

    structs = [field for field in schema if is_struct(field.type)]
    images = [field.name for field in structs if field.type.get_field_index("bytes") >= 0]
    image = "image" if "image" in images else images[0] if len(images) == 1 else None
    if label is None:
        label = next(iter(named)) if len(named) == 1 and "label" not in schema.names else "label"
    if image is None or label not in schema.names:
        faults = [] if image else [f"{len(images)} of pictures"]
        faults += [] if label in schema.names else [f"none is called {label}"]
        columns = ", ".join(schema.names)
        raise _UnusableError(f"of its columns {columns} {' and '.join(faults)}")
    return image, label


def _names_in(batches: Iterator[RecordBatch]) -> list[str]:
    """Labels that are names themselves, each once, sorted."""
    found: set[str] = set()
    for batch in batches:
        labels = batch.column(0).to_pylist()
        if other := [label for label in labels if not isinstance(label, str)]:
            what = f"a label is {other[0]}, no name, and its schema does not name the classes"
            raise _UnusableError(what)
        found.update(labels)
    return sorted(found)


def _rows(
    batches: Iterator[RecordBatch], positions: Mapping[Any, int]
) -> Iterator[tuple[str, bytes, int]]:
    row = 0
    for batch in batches:
        for image, label in zip(*(column.to_pylist() for column in batch), strict=True):
            name, content = _file(image, row)
            if not isinstance(label, int | str) or label not in positions:
                raise _UnusableError(f"a label is {label}, with {len(positions)} classes")
            yield name, content, positions[label]
            row += 1


def _file(image: Any, row: int) -> tuple[str, bytes]:
    content = image.get("bytes") if isinstance(image, dict) else None
    if not content:
        raise _UnusableError(f"row {row} holds no image")
    suffix = PurePosixPath(str(image.get("path"))).suffix.lower()
    return f"{row:06}{suffix if suffix in _SUFFIXES else '.jpg'}", content
