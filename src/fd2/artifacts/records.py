"""Records: JSON files beside artefacts, or results themselves, with a digest of their content."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from fd2.artifacts.files import damaged, read_json, write_json
from fd2.artifacts.identity import artefact_name, signed, verified
from fd2.artifacts.manifests import MANIFEST
from fd2.artifacts.remarks import REMARKS
from fd2.config.datasets import TEST_IMAGES, TESTED_ON
from fd2.errors import FD2Error

_DIGEST = "record_sha256"
#: Keys under which a result names what it is of; other records have none of them.
KINDS = ("cell", "teacher", "diagnosis", "complexity_of", "continual", "detection", "measured")


@dataclass(frozen=True)
class Run:
    """The run that wrote a record.

    Attributes:
        commit, dirty: of the source, and whether its files differ from it; None outside a checkout.
        versions: of packages; None for one that was not installed.
        host: operating system and machine.
        device, device_name: torch's name, and the hardware's.
        threads: CPU threads.
        started, finished: UTC, ISO 8601.
        seconds: wall-clock time of the stage.
        peak_memory_mb: largest ``resident`` set of the process, and ``gpu`` memory where there is
            one, in MiB.
        slot_seconds: time of each image per class of a distilled group; empty for other stages.
    """

    commit: str | None
    dirty: bool | None
    versions: Mapping[str, str | None]
    host: str
    device: str
    device_name: str
    threads: int
    started: str
    finished: str
    seconds: float
    peak_memory_mb: Mapping[str, float]
    slot_seconds: tuple[float, ...] = ()

    def source(self, digits: int | None = 10) -> str:
        """The commit for readers, cut to ``digits``, with a remark on uncommitted changes."""
        if self.commit is None:
            return "unknown"
        return self.commit[:digits] + (" with uncommitted changes" if self.dirty else "")


@dataclass(frozen=True)
class Record:
    """What a record file says.

    Attributes:
        path: the file.
        stage: that wrote it.
        settings: of the stage.
        manifest: digest of the prepared data's manifest.
        inputs: sha256 of each input file by its role.
        run: that wrote it.
        kind: one of `KINDS`; empty for a record that is no result.
        identity: the names of what the result is of.
        result: the numbers of a cell, a teacher, a detector, a diagnosis, classes or steps; else
            empty.
        preset: ``paper`` or ``release``; None for a stage that no preset concerns.
        resolution: in pixels; None where it is not written.
        tested_on: the images that accuracies are of.
        remarks: what a reader must know of the dataset's pictures, a sentence each.
        content: everything that is written, for what one stage alone writes.
    """

    path: Path
    stage: str
    settings: Mapping[str, Any]
    manifest: str
    inputs: Mapping[str, str]
    run: Run
    kind: str
    identity: Mapping[str, Any]
    result: Mapping[str, Any]
    preset: str | None
    resolution: int | None
    tested_on: str
    remarks: tuple[str, ...]
    content: Mapping[str, Any]

    def require(self, kind: str, identity: Mapping[str, Any]) -> None:
        """Refuse the result of something else.

        Raises:
            FD2Error: with what the file is a result of.
        """
        if (self.kind, self.identity) != (kind, identity):
            raise FD2Error(
                f"holds the numbers of {self.kind or 'no result'} {dict(self.identity)}",
                str(self.path),
                "a result's path is its name: delete the file and run its stage again",
            )


def write_record(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write indented JSON with the artefact's name and a digest of all."""
    write_json(path, signed(path, content, _DIGEST))


def read_record(path: str | Path) -> Record:
    """Read and verify a file of `write_record` that a stage wrote.

    Raises:
        FD2Error: if it is missing or damaged, or is another artefact than its path says.
    """
    content = read_content(path)
    with parsing(path):
        settings = content["settings"]
        kind = next((name for name in KINDS if name in content), "")
        resolution = content.get("resolution")
        return Record(
            path=Path(path),
            stage=str(content["stage"]),
            settings=settings,
            manifest=str(content["manifest"]),
            inputs=dict(content["inputs"]),
            run=_run(content["run"]),
            kind=kind,
            identity=dict(content[kind]) if kind else {},
            result=dict(content.get("result", {})),
            preset=content.get("preset", settings.get("preset")),
            resolution=None if resolution is None else int(resolution),
            tested_on=str(content.get(TESTED_ON, TEST_IMAGES)),
            remarks=tuple(map(str, content.get(REMARKS, ()))),
            content=content,
        )


def read_records(results: Path) -> Iterator[Record]:
    """Every record in its place below the results folder, by path.

    Other files are somebody's own, such as a copy of results.

    Raises:
        FD2Error: as `read_record`.
    """
    for path in sorted(results.rglob("*.json")):
        in_place = artefact_name(path) == path.relative_to(results).as_posix()
        if in_place and path.name != MANIFEST:
            yield read_record(path)


def read_content(path: str | Path) -> dict[str, Any]:
    """Read and verify any file of `write_record`, as plain JSON values.

    Raises:
        FD2Error: if it is missing or damaged, or is another artefact than its path says.
    """
    return verified(path, read_json(path), _DIGEST)


@contextlib.contextmanager
def parsing(path: str | Path) -> Iterator[None]:
    """Report a value that is missing or of another type as damage of the file.

    Raises:
        FD2Error: in place of the error inside.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise damaged(path, f"{type(error).__name__} {error}") from error


def _run(written: Mapping[str, Any]) -> Run:
    values = {field.name: written[field.name] for field in fields(Run) if field.name in written}
    values["seconds"] = float(values["seconds"])
    peaks = values["peak_memory_mb"]
    values["peak_memory_mb"] = {"resident": float(peaks["resident"])} | peaks
    values["slot_seconds"] = tuple(float(s) for s in values.get("slot_seconds", ()))
    return Run(**values)
