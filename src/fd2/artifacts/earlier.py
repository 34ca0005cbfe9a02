"""Finished results under the digest of their data, so that other data replaces none of them.

``earlier/{dataset}/{digest}/`` is a results folder of its own: each file has the path in it that it
had below ``results/``. Arrays are not kept: the pictures give the same ones again.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fd2.artifacts.exports import read_export
from fd2.artifacts.files import atomic_write
from fd2.artifacts.identity import artefact_name
from fd2.artifacts.manifests import MANIFEST, Manifest, read_manifest, write_manifest
from fd2.artifacts.records import parsing, read_content, write_record
from fd2.config.paths import TEMPLATES
from fd2.errors import FD2Error, cannot_write

EARLIER = "earlier"
#: In the record of prepared data: ``since`` when, the earlier ``data``, and what is ``told``.
CHANGES = "changes"
#: Digits of a digest in a path.
DIGITS = 8
_DATA = "data"
_RECORD = "record.json"
#: First folders of the results that are made from a dataset.
_FOLDERS = tuple(
    dict.fromkeys(
        first
        for first, second, *_ in (template.split("/") for template in TEMPLATES)
        if second == "{dataset}" and first != _DATA
    )
)


@dataclass(frozen=True)
class EarlierData:
    """Data that was prepared once; the newest is the present one where that is there.

    Attributes:
        folder: its results folder.
        manifest: what it was.
        record: of the stage prepare.
    """

    folder: Path
    manifest: Manifest
    record: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The beginning of its manifest's digest, as in paths."""
        return self.folder.name

    @property
    def prepared(self) -> str:
        """When it was, UTC, ISO 8601."""
        return str(self.record["run"]["finished"])

    def count(self) -> int:
        """Finished results that are kept of it, by their records."""
        return finished_results(self.folder, self.manifest.dataset)


def earlier_folder(results: Path, dataset: str, digest: str) -> Path:
    """Where results of data with a digest are kept."""
    return results / EARLIER / dataset / digest[:DIGITS]


def finished_results(results: Path, dataset: str) -> int:
    """How many finished results of a dataset there are below a results folder."""
    return sum(1 for _ in _records(results, dataset))


def earlier_data(results: Path, dataset: str) -> list[EarlierData]:
    """All data that a dataset has been, the last prepared last.

    Raises:
        FD2Error: if a manifest or record is damaged.
    """
    found = []
    for path in (results / EARLIER / dataset).glob(f"*/{_DATA}/*/{MANIFEST}"):
        record = path.with_name(_RECORD)
        if path.parent.name == dataset and record.is_file():
            data = EarlierData(path.parents[2], read_manifest(path), read_content(record))
            with parsing(record):
                # Small data may be prepared twice within the second that a record tells.
                found.append((data.prepared, record.stat().st_mtime_ns, data))
    return [data for *_, data in sorted(found, key=lambda one: one[:2])]


def note_data(results: Path, manifest: Manifest, record: Mapping[str, Any]) -> None:
    """Keep manifest and record of prepared data, which Snakemake deletes before the next time."""
    folder = earlier_folder(results, manifest.dataset, manifest.digest())
    write_manifest(folder / _DATA / manifest.dataset / MANIFEST, manifest)
    write_record(folder / _DATA / manifest.dataset / _RECORD, record)


def put_aside(results: Path, dataset: str, present: str) -> Counter[str]:
    """Move the finished results of a dataset to where those of their data are kept.

    Results say themselves which data they are of, and each is moved with its record last, so that a
    process that was killed is gone on with by the next. Those of the ``present`` data, a digest,
    stay in place too, as second names of the same files.

    Returns:
        How many, by the digest of their data.

    Raises:
        FD2Error: if a file cannot be moved.
    """
    moved: Counter[str] = Counter()
    for record in list(_records(results, dataset)):
        try:
            digest = _manifest_of(record)
        except FD2Error as error:
            print(f"warning: left in place: {error}", flush=True)
            continue
        target = earlier_folder(results, dataset, digest)
        kept = target / record.relative_to(results)
        # What is kept under this name is of the same data, but of other settings perhaps.
        if kept.is_file() and not kept.samefile(record):
            kept.unlink()
        for path in (*_beside(record), record):
            give = link if digest == present else move
            give(path, target / path.relative_to(results))
        moved[digest] += 1
    return moved


def move(path: Path, target: Path) -> None:
    """Rename a file; on another file system it is copied first.

    Raises:
        FD2Error: if the target cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.samefile(path):
            path.unlink()
        else:
            path.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise cannot_write(target, error) from error
        link(path, target)
        path.unlink()


def link(path: Path, target: Path) -> None:
    """Give a file a second name; where a file system knows no such names, a copy.

    Files of results are never written to, only replaced, so that the two do not part.

    Raises:
        FD2Error: if the target cannot be written.
    """
    with atomic_write(target) as temporary:
        try:
            os.link(path, temporary)
        except OSError:
            shutil.copyfile(path, temporary)


def _records(results: Path, dataset: str) -> Iterator[Path]:
    """The file of each finished result that says what data it is of."""
    for first in _FOLDERS:
        for path in sorted((results / first / dataset).rglob("*")):
            in_place = path.relative_to(results).as_posix() == artefact_name(path)
            if in_place and path.suffix in (".json", ".zip"):
                yield path


def _manifest_of(record: Path) -> str:
    """The digest of the data that a result is of.

    Raises:
        FD2Error: if it is damaged.
    """
    content = read_export(record) if record.suffix == ".zip" else read_content(record)
    with parsing(record):
        return str(content["manifest"])


def _beside(record: Path) -> list[Path]:
    """The other files of a result."""
    whole_folder = record.name == _RECORD
    return [
        path
        for path in sorted(record.parent.iterdir())
        if path.is_file()
        and path != record
        and not path.name.startswith(".")
        and (whole_folder or path.with_suffix("") == record.with_suffix(""))
    ]
