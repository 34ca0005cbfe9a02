"""What the page shows of each table, figure and dataset, there or missing."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from fd2.artifacts.files import read_json
from fd2.artifacts.records import Record, parsing
from fd2.config.held_out import TEST_IMAGES, TESTED_ON
from fd2.report.commands import Invocation
from fd2.report.texts import from_caption, from_markdown


@dataclass(frozen=True)
class Number:
    """A file that a table is filled from; ``command`` makes it, or makes it again."""

    path: Path
    record: Record | None
    command: str


@dataclass(frozen=True)
class TablePart:
    """A table, as HTML; ``html`` is None while it is missing, and ``command`` makes it."""

    name: str
    path: Path
    html: Markup | None
    command: str
    numbers: tuple[Number, ...]


@dataclass(frozen=True)
class FigurePart:
    """A figure; ``data`` is its bitmap as a data URI, or None while it is missing."""

    name: str
    path: Path
    kind: str
    data: str | None
    caption: Markup
    command: str


@dataclass(frozen=True)
class DatasetPart:
    """Prepared data: names of the classes, number of images by split, digest of the manifest."""

    name: str
    classes: tuple[str, ...]
    images: Mapping[str, int]
    resolution: int
    licence: str | None
    digest: str


def table_part(
    name: str,
    path: Path,
    sources: Sequence[Path],
    records: Mapping[Path, Record],
    invocation: Invocation,
) -> TablePart:
    """A table and the files behind its numbers.

    Args:
        name: of the sheet.
        path: its Markdown.
        sources: the files that fill it.
        records: of all finished jobs, by path.
        invocation: writes the commands.
    """
    html = None
    if path.is_file():
        html = from_markdown(path.read_text(encoding="utf-8"), f"table-{name}")
    numbers = tuple(
        Number(
            source,
            records.get(source),
            invocation.again(source) if source in records else invocation.make(source),
        )
        for source in sources
    )
    return TablePart(name, path, html, invocation.make(path), numbers)


def figure_part(
    name: str, path: Path, settings: Mapping[str, Any], caption: str, invocation: Invocation
) -> FigurePart:
    """A figure with its bitmap inside.

    Args:
        name: in ``figures`` of the config.
        path: its png file.
        settings: the config.
        caption: the text of ``figure.rst``.
        invocation: writes the command.
    """
    data = None
    if path.is_file():
        data = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
    kind = str(settings["figures"][name]["kind"]).replace("_", " ")
    text = from_caption(caption, settings, name).body
    return FigurePart(name, path, kind, data, text, invocation.make(path))


def dataset_parts(results: Path) -> list[DatasetPart]:
    """The prepared datasets below a results folder, by name.

    Raises:
        FD2Error: for a damaged manifest.
    """
    parts = []
    for path in sorted(results.glob("data/*/manifest.json")):
        content = read_json(path)
        with parsing(path):
            source = content["source"]
            tested = "test" if source.get(TESTED_ON, TEST_IMAGES) == TEST_IMAGES else "held out"
            parts.append(
                DatasetPart(
                    name=str(content["dataset"]),
                    classes=tuple(map(str, content["classes"])),
                    images={
                        {"test": tested}.get(split, split): len(files)
                        for split, files in content["files"].items()
                    },
                    resolution=int(content["resolution"]),
                    licence=source.get("licence"),
                    digest=str(content["digest"]),
                )
            )
    return parts
