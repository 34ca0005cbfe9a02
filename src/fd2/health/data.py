"""Whether the data of a config exists and is what its digests say."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from fd2.artifacts.changes import Picture, changes, pictures
from fd2.artifacts.earlier import earlier_data, finished_results
from fd2.artifacts.manifests import SPLITS, Manifest
from fd2.artifacts.prepared import open_verified
from fd2.artifacts.records import read_content
from fd2.artifacts.remarks import sentences
from fd2.config import plugins
from fd2.config.datasets import download_kind
from fd2.config.figures import tabled_datasets
from fd2.datasets._shares import hold_out
from fd2.datasets._source import listing_digest
from fd2.downloads.archive import Archive, identify
from fd2.errors import FD2Error
from fd2.health import Finding, fault
from fd2.planning.disk import amount
from fd2.planning.image_folders import prepared_listing, users_folder
from fd2.planning.outputs import archive_bytes
from fd2.planning.project import Project
from fd2.stages.prepare import Looked, PrepareSettings, look


def check_data(project: Project) -> Iterator[Finding]:
    """Prepared data against its manifest, downloads against their digests, sources by listing."""
    for dataset in sorted(tabled_datasets(project.settings)):
        subject = f"data {dataset}"
        folder = project.path("results", f"data/{dataset}")
        try:
            if (folder / "manifest.json").is_file():
                manifest = open_verified(folder).manifest
                yield Finding(subject, _prepared(manifest))
                yield from _remarks(subject, manifest.remarks)
                yield from _since(project, dataset, manifest)
            else:
                yield from _source(project, dataset, subject)
        except FD2Error as error:
            yield fault(subject, error)


def _prepared(manifest: Manifest) -> str:
    counts = ", ".join(f"{len(manifest.files[split])} {split}" for split in SPLITS)
    return f"prepared, {counts}, digests fit ({manifest.digest()[:12]})"


def _source(project: Project, dataset: str, subject: str) -> Iterator[Finding]:
    settings = project.settings.prepare(dataset)
    plugin = plugins.load("datasets", settings["kind"])
    kind = download_kind(project.settings.values, dataset)
    options = dict(settings["options"])
    if kind is not None:
        folder = project.path("resources", kind)
        yield from _archives(plugin.ARCHIVES, folder)
        if not (folder / "downloaded.json").is_file():
            known = archive_bytes(kind)
            size = amount(known) if known else "archives of unknown size"
            yield Finding(subject, f"not downloaded yet; the run fetches {size}")
            return
        yield from _unpacked(folder, subject)
        options["local_path"] = str(folder)
    if hasattr(plugin, "FOLDER_SETTING"):
        yield from _own_folder(PrepareSettings(**settings), project, subject)
        return
    where = f"setting 'datasets.{dataset}'"
    source = hold_out(plugin.source(options, where), settings["held_out"], where)
    missing = [image.path for image in source.images if not image.path.is_file()]
    if missing:
        raise FD2Error(
            f"{len(missing)} of {len(source.images)} images are not there",
            f"the first is {missing[0]}",
            source.remedy,
        )
    yield Finding(subject, f"{len(source.images)} images are there, not prepared yet")


def _since(project: Project, dataset: str, manifest: Manifest) -> Iterator[Finding]:
    """What is to be told of a user's folder and was not when it was prepared."""
    settings = project.settings.prepare(dataset)
    plugin = plugins.load("datasets", settings["kind"])
    users = users_folder(settings)
    if users is None or not users.is_dir():
        return
    subject = f"data {dataset}, its folder now"
    source = plugin.source(settings["options"], f"setting 'datasets.{dataset}'")
    record = project.path("results", f"data/{dataset}/record.json")
    if listing_digest(source.images) != prepared_listing(record):
        yield from _own_folder(PrepareSettings(**settings), project, subject)
        return
    known = manifest.remarks
    yield from _remarks(subject, [line for line in sentences(source.remarks) if line not in known])


def _own_folder(settings: PrepareSettings, project: Project, subject: str) -> Iterator[Finding]:
    """A user's pictures, each of which is decoded: what its folder says is not enough."""
    # Progress belongs to the log, not into what doctor prints.
    with contextlib.redirect_stdout(sys.stderr):
        looked = look(settings, project.settings.values["threads"]["prepare"])
    count = sum(map(len, looked.files.values()))
    yield Finding(subject, f"{count} images are there, not prepared yet")
    yield from _changes(subject, settings.dataset, looked, project.path("results"))
    yield from _remarks(subject, sentences(looked.remarks))


def _changes(subject: str, dataset: str, looked: Looked, results: Path) -> Iterator[Finding]:
    """What changed since the pictures were prepared last, and what becomes of finished results."""
    known = earlier_data(results, dataset)
    if not known:
        return
    now = {
        image.name: Picture(looked.source.classes[image.class_id], split, digest)
        for split, images in looked.files.items()
        for image, digest in zip(images, looked.decoded[split].digests, strict=True)
    }
    since = known[-1]
    told = sentences(changes(pictures(since.manifest), now))
    for number, line in enumerate(told, start=1):
        yield Finding(f"{subject}, changed {number}", line)
    if count := finished_results(results, dataset):
        yield Finding(f"{subject}, results", f"{count} will be kept in {since.folder}")
    for one in known:
        if pictures(one.manifest) == now and (count := one.count()):
            fact = f"{count} of these very pictures will be taken back from {one.folder}"
            yield Finding(f"{subject}, earlier results", fact)


def _remarks(subject: str, remarks: Iterable[str]) -> Iterator[Finding]:
    """A line for each thing that is to be told of the pictures; nothing needs to be done."""
    for number, remark in enumerate(remarks, start=1):
        yield Finding(f"{subject}, told {number}", remark)


def _archives(archives: tuple[Archive, ...], folder: Path) -> Iterator[Finding]:
    """Archives that lie beside the unpacked folders: brought by hand, or not unpacked yet."""
    for archive in archives:
        path = folder / archive.name
        if path.is_file():
            wrong = identify(path).fault(archive)
            fix = None if wrong is None else f"delete {path} and run again"
            yield Finding(f"archive {archive.name}", wrong or "digest fits", fix)


def _unpacked(folder: Path, subject: str) -> Iterator[Finding]:
    """Each archive that was downloaded has its folder."""
    for note in read_content(folder / "downloaded.json")["archives"]:
        stem = Archive(note["name"], ()).stem
        if not (folder / stem).is_dir():
            fix = f"delete {folder / 'downloaded.json'} and run again"
            yield Finding(subject, f"{stem} is gone from {folder}", fix)
