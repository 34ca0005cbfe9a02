"""A job whose result was finished before takes it back: when pictures are as they were again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fd2.artifacts.earlier import earlier_folder, link
from fd2.artifacts.files import file_digest
from fd2.artifacts.identity import artefact_name
from fd2.artifacts.manifests import MANIFEST, read_manifest
from fd2.artifacts.records import parsing, read_content
from fd2.errors import FD2Error


@dataclass(frozen=True)
class Wanted:
    """What a job is to make, and all that shapes it.

    Attributes:
        outputs: its files, records among them.
        settings: of the stage, one for each record in the order of these.
        inputs: files that are digested in the record.
        code: sha256 of the sources, likewise.
    """

    outputs: Sequence[Path]
    settings: Sequence[Mapping[str, Any]]
    inputs: Sequence[Path]
    code: Mapping[str, str]


def take_back(wanted: Wanted) -> bool:
    """Put a finished result in place where one is kept that the job would make again.

    It is one of the present data, by the same settings, sources and inputs, all of whose files are
    there and whole; it stays kept, so that a job that is killed takes it back once more. What is
    taken back, and why one that is kept does not fit, is printed.

    Returns:
        Whether all outputs are in place.

    Raises:
        FD2Error: if an output cannot be written, or the present manifest is damaged.
    """
    names = [artefact_name(path) for path in wanted.outputs]
    if None in names:
        return False
    name = str(names[0])
    results = Path(str(wanted.outputs[0].absolute()).removesuffix(name))
    dataset = name.split("/")[1]
    manifest = results / "data" / dataset / MANIFEST
    if not manifest.is_file():
        return False
    digest = read_manifest(manifest).digest()
    folder = earlier_folder(results, dataset, digest)
    kept = [folder / str(each) for each in names]
    if not all(path.is_file() for path in kept):
        return False
    try:
        reason = _misfit(kept, digest, wanted)
    except FD2Error as error:
        reason = f"{error.what} ({error.where})"
    if reason:
        print(f"made anew, not taken back from {folder}: {reason}", flush=True)
        return False
    for path, output in zip(kept, wanted.outputs, strict=True):
        link(path, output)
    print(f"taken back from {folder}: the data, settings and sources are the same", flush=True)
    return True


def _misfit(kept: Sequence[Path], digest: str, wanted: Wanted) -> str:
    """Why a finished result is not what the job would make; empty where it is.

    Raises:
        FD2Error: if a file of it is damaged.
    """
    records = [path for path in kept if path.suffix == ".json"]
    contents = [read_content(path) for path in records]
    inputs = sorted(file_digest(path) for path in wanted.inputs)
    for path, content, settings in zip(records, contents, wanted.settings, strict=True):
        with parsing(path):
            if content["manifest"] != digest:
                return "it is of other data"
            if not _same(content["settings"], settings):
                return "its settings are others"
            if sorted(content["inputs"].values()) != inputs:
                return "its inputs are others"
            if content["run"]["code"] != dict(wanted.code):
                return "its sources are others"
    return _parted(kept, contents[0])


def _same(recorded: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether settings are those of a record; one that is not there is as good as null."""
    # As they read from a file: tuples become lists.
    wanted = json.loads(json.dumps(settings))
    return all(recorded.get(key) == wanted.get(key) for key in recorded.keys() | wanted.keys())


def _parted(kept: Sequence[Path], record: Mapping[str, Any]) -> str:
    """As `_misfit`, of the files beside a record, all of which is read."""
    # They import torch, which a job without anything kept does not need yet.
    from fd2.artifacts.soft_labels import read_soft_labels
    from fd2.artifacts.tensors import read_tensors

    for path in kept:
        if path.name == "logits.npy":
            read_soft_labels(path.parent)
        elif path.suffix == ".safetensors":
            carried = read_tensors(path)[1]
            if any(carried[key] != record[key] for key in ("settings", "inputs", "manifest")):
                return f"{path.name} is of another record"
    return ""
