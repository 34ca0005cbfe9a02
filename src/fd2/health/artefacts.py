"""Whether finished artefacts are what the config, the sources and their inputs would give today."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any

from fd2.artifacts.prepared import open_verified
from fd2.artifacts.records import parsing, read_content
from fd2.artifacts.soft_labels import read_soft_labels
from fd2.artifacts.tensors import read_tensors
from fd2.config import plugins
from fd2.config.code import PACKAGE
from fd2.config.datasets import download_settings
from fd2.config.imported_labels import ImportedLabelSettings
from fd2.config.resolve import Configuration
from fd2.config.settings import build
from fd2.errors import FD2Error, listing
from fd2.imports.source_files import label_listing, source_listing
from fd2.lineage import manifest_now
from fd2.planning.image_folders import folder_listing, users_folder
from fd2.planning.jobs import RuleJob
from fd2.planning.project import Project
from fd2.planning.stage_settings import inputs_of, settings_of
from fd2.stages.download import DownloadSettings

#: sha256 of a file.
Digest = Callable[[Path], str]


def misfits(project: Project, job: RuleJob, digest: Digest) -> list[str]:
    """Why a job that is done would not give the same files today; nothing where it would.

    Looked at are digests and names in the files, the settings, the sources, the input files, and
    the images that data was prepared from, where they are there. Versions of packages and the kind
    of machine are not: Snakemake does not run a job again for them either.

    Args:
        project: with the config.
        job: of a stage that writes a record, all of whose outputs are there.
        digest: of a file; many jobs have the same inputs and sources, so that it may remember.
    """
    try:
        record = next(Path(path) for path in job.outputs if _is_record(Path(path)))
        content = read_content(project.folder / record)
        with parsing(record):
            return [
                *_settings(project, job, content["settings"]),
                *([] if job.rule == "download" else _origin(project, job, content, digest)),
            ]
    except FD2Error as error:
        return [f"{error.what} ({error.where})"]
    except OSError as error:
        return [f"cannot be read: {error.strerror} ({error.filename})"]


def _is_record(path: Path) -> bool:
    return path.suffix == ".json" and path.name != "manifest.json"


def _settings(project: Project, job: RuleJob, recorded: Mapping[str, Any]) -> Iterator[str]:
    # As they read from a file: tuples become lists.
    wanted = json.loads(json.dumps(_wanted(project.settings, job)))
    for key in sorted(wanted.keys() | recorded.keys()):
        before, now = recorded.get(key), wanted.get(key)
        if before != now:
            yield f"setting '{key}' was {_short(before)} and is {_short(now)}"


def _wanted(settings: Configuration, job: RuleJob) -> Mapping[str, Any]:
    if job.rule == "download":
        kind = PurePath(job.name).name
        return asdict(DownloadSettings(**download_settings(settings.values, kind)))
    return settings_of(settings, job) or {}


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _origin(
    project: Project, job: RuleJob, content: Mapping[str, Any], digest: Digest
) -> Iterator[str]:
    yield from _sources(content["run"]["code"], digest)
    yield from _inputs(project, job, content, digest)
    yield from _files(project, job, content, digest)
    if job.rule in ("import_set", "import_labels"):
        settings = content["settings"]
        own, count = settings["method_settings"], settings["images_per_class"]
        record = next(project.folder / path for path in job.outputs if _is_record(Path(path)))
        if job.rule == "import_set":
            listed = source_listing(own, count, record)
        else:
            epochs = build(ImportedLabelSettings, settings).stored_epochs
            listed = label_listing(own, count, epochs, record)
        if listed != content["listing"]:
            yield "the imported set has other files, or cannot be read"


def _sources(recorded: Mapping[str, str], digest: Digest) -> Iterator[str]:
    if not recorded:
        yield "its record names no sources: it was not made by the workflow"
    root = PACKAGE.resolve().parents[1]
    changed = [
        name
        for name, known in recorded.items()
        if not (root / name).is_file() or digest(root / name) != known
    ]
    if changed:
        yield f"made by other sources: {listing(changed, most=3)}"


def _inputs(
    project: Project, job: RuleJob, content: Mapping[str, Any], digest: Digest
) -> Iterator[str]:
    results = project.path("results")
    # Of real images with boxes these are the data.
    now = manifest_now(results, job.fields.get("dataset") or job.fields["scenes"])
    if content["manifest"] != now:
        yield f"made from other data: {content['manifest'][:12]}, not {str(now)[:12]}"
    wanted, recorded = inputs_of(project.settings, job), content["inputs"]
    if wanted.keys() != recorded.keys():
        yield f"made from {sorted(recorded)}, the config wants {sorted(wanted)}"
    for role in sorted(wanted.keys() & recorded.keys()):
        if digest(results / wanted[role]) != recorded[role]:
            yield f"made from another {role} than {wanted[role]}"


def _files(
    project: Project, job: RuleJob, content: Mapping[str, Any], digest: Digest
) -> Iterator[str]:
    for path in (project.folder / output for output in job.outputs):
        if path.suffix == ".safetensors":
            _, carried = read_tensors(path)
            differing = [
                key for key in ("settings", "inputs", "manifest") if carried[key] != content[key]
            ]
            if differing:
                yield f"file and record do not belong together: they differ in {differing}"
        elif path.name == "logits.npy":
            read_soft_labels(path.parent)
        elif path.name == "manifest.json":
            yield from _images(path.parent, content, digest)


def _images(folder: Path, content: Mapping[str, Any], digest: Digest) -> Iterator[str]:
    """Prepared data against its digests, and against the user's images where these are there."""
    manifest = open_verified(folder).manifest
    settings, listed = content["settings"], content.get("images")
    if folder_listing(settings, folder / "record.json") != listed:
        yield "the folder holds other images, or cannot be read"
        return
    plugin = plugins.load("datasets", settings["kind"])
    users = users_folder(settings)
    if users is None or not users.is_dir():
        return
    known = {entry["path"]: entry["sha256"] for files in manifest.files.values() for entry in files}
    source = plugin.source(settings["options"], f"setting 'datasets.{settings['dataset']}'")
    changed = [
        image.name for image in source.images if known.get(image.name, "") != digest(image.path)
    ]
    if changed:
        yield f"{len(changed)} images are others: {listing(changed, most=3)}"
