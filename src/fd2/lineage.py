"""The origin of one artefact: what shaped it, and whether its inputs are still the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import Any

from fd2.artifacts.earlier import EARLIER
from fd2.artifacts.exports import read_export
from fd2.artifacts.files import file_digest, not_found
from fd2.artifacts.manifests import MANIFEST, read_manifest
from fd2.artifacts.prepared import open_verified
from fd2.artifacts.records import read_content
from fd2.errors import FD2Error

_digest = cache(file_digest)
#: Parts of a path that name a folder of results of earlier data.
_KEPT = 3


@dataclass(frozen=True)
class Input:
    """One input of an artefact.

    Attributes:
        role: as in the record.
        digest: recorded.
        path: the file that has this digest; None where none has.
        looked_at: the files that it could be.
    """

    role: str
    digest: str
    path: Path | None
    looked_at: tuple[Path, ...]

    @property
    def same(self) -> bool:
        """Whether the file still exists, unchanged."""
        return self.path is not None


@dataclass(frozen=True)
class Origin:
    """Where an artefact comes from.

    Attributes:
        path: the artefact.
        stage: that wrote it.
        settings: that shaped it.
        manifest: digest of the data behind it; None for downloads.
        manifest_now: digest of the data that is prepared now; None where there is none.
        inputs: files that it was computed from.
        run: commit, versions, device, times; None where there is no record.
        faults: what does not fit together, in sentences.
    """

    path: Path
    stage: str
    settings: dict[str, Any]
    manifest: str | None
    manifest_now: str | None
    inputs: tuple[Input, ...]
    run: dict[str, Any] | None
    faults: tuple[str, ...]


def origin(results: Path, path: Path) -> Origin | None:
    """The origin of an artefact below the results folder, or of its record.

    Returns:
        None for files that carry no record: tables, figures, previews.

    Raises:
        FD2Error: if the file is missing, damaged, or does not lie below ``results``.
    """
    if not path.is_file():
        raise not_found(path)
    try:
        name = path.resolve().relative_to(results.resolve())
    except ValueError as error:
        fix = "give an artefact of this workflow; --configfile names other folders"
        raise FD2Error(f"not below {results}", str(path), fix) from error
    if name.parts[0] == EARLIER and len(name.parts) > _KEPT:
        # A results folder of its own.
        return origin(results.joinpath(*name.parts[:_KEPT]), path)
    carried, recorded = _carried(path), _record(path)
    facts = carried or recorded
    if facts is None or "stage" not in facts:
        return None
    stage, settings = facts["stage"], facts["settings"]
    dataset = settings.get("dataset", name.parts[1])
    now = manifest_now(results, dataset)
    manifest = facts.get("manifest")
    inputs = []
    for role, digest in facts.get("inputs", {}).items():
        patterns = _candidates(name, stage, role, settings)
        files = [file for pattern in patterns for file in sorted(results.glob(pattern))]
        matching = next((file for file in files if _digest(file) == digest), None)
        inputs.append(Input(role, digest, matching, tuple(files)))
    faults = _faults(path, carried, recorded, manifest, now)
    if path.parent.parent.name == "data" and results.parents[1].name != EARLIER:
        faults += _array_faults(path.parent)
    faults += [
        f"input '{one.role}' is gone or was changed: no file has its digest {one.digest[:12]}"
        for one in inputs
        if not one.same
    ]
    run = (recorded or {}).get("run")
    return Origin(path, stage, settings, manifest, now, tuple(inputs), run, tuple(faults))


def manifest_now(results: Path, dataset: str) -> str | None:
    """The digest of prepared data, or of scenes, of that name; None where there is neither."""
    prepared, scenes = results / "data" / dataset / MANIFEST, results / "scenes" / dataset
    if prepared.is_file():
        return read_manifest(prepared).digest()
    record = scenes / "record.json"
    return str(read_content(record)["manifest"]) if record.is_file() else None


def _carried(path: Path) -> dict[str, Any] | None:
    """What the artefact itself holds of its origin."""
    if path.suffix == ".safetensors":
        # It imports torch, which records and tables do not need.
        from fd2.artifacts.tensors import read_tensors

        return read_tensors(path)[1]
    return read_export(path) if path.suffix == ".zip" else None


def _record(path: Path) -> dict[str, Any] | None:
    """The record of the job that made the file, verified."""
    if path.suffix == ".json" and path.name != "manifest.json":
        return read_content(path)
    if path.suffix not in (".npy", ".json", ".safetensors"):
        return None
    records = [path.with_name("record.json")]
    if path.suffix == ".safetensors":
        records.insert(0, path.with_suffix(".json"))
    return next((read_content(record) for record in records if record.is_file()), None)


def _candidates(name: PurePath, stage: str, role: str, settings: Mapping[str, Any]) -> list[str]:
    """Glob patterns, below the results folder, of the files that an input may be; none if unknown.

    A variant shares the artefacts of earlier stages with ``base``, and labels are made by teachers
    that the record names by digest alone: so several files may fit, and the digest decides.
    """
    parts = name.parts
    dataset = parts[1] if len(parts) > 1 else "*"
    if role == "scorer":
        return [f"teachers/{dataset}/{settings['scorer']}/plain*.safetensors"]
    if role in ("scenes", "train"):
        split = "val" if role == "scenes" else role
        return [f"scenes/{settings['scenes']}/{split}.safetensors"]
    if role == "annotations":
        return [f"annotations/{'/'.join(parts[1:-2])}.json"]
    if role == "annotator":
        detector = f"{settings['detector']}/seed{settings['seed']}"
        return [f"detectors/{settings['scenes']}/full/{detector}.safetensors"]
    if role == "network":
        training = settings["training"]
        return [f"teachers/{dataset}/{settings['backbone']}/{training}.safetensors"]
    if role == "patches":
        return [f"patches/{dataset}/*.safetensors"]
    if role.startswith("group"):
        return [str(name.parent / f"{role}.safetensors")]
    if role.startswith("teacher"):
        # A selection looks at plain teachers: with FD², only its labels are of others.
        training = "cal" if parts[3] == "fd2" and stage != "select_images" else "plain"
        backbone = "*"
        if stage == "distill":
            backbone = settings["method_settings"]["teachers"][int(role.removeprefix("teacher"))]
        return [f"teachers/{dataset}/{backbone}/{training}*.safetensors"]
    cell, variants = parts[1:4], list(dict.fromkeys((*parts[4:5], "base")))
    if role == "distilled":
        count = next((part for part in parts if part.startswith("ipc")), "ipc*").split(".")[0]
        return ["/".join(("distilled", *cell, v, f"{count}.safetensors")) for v in variants]
    if role in ("logits", "augmentation"):
        suffix = {"logits": "logits.npy", "augmentation": "augmentation.safetensors"}[role]
        return ["/".join(("labels", *cell, v, parts[5], suffix)) for v in variants]
    return []


def _array_faults(folder: Path) -> list[str]:
    try:
        open_verified(folder)
    except FD2Error as error:
        return [f"{error.what} ({error.where})"]
    return []


def _faults(
    path: Path,
    carried: dict[str, Any] | None,
    recorded: dict[str, Any] | None,
    manifest: str | None,
    now: str | None,
) -> list[str]:
    faults = []
    if carried is not None and recorded is not None:
        differing = [
            key for key in ("settings", "inputs", "manifest") if carried[key] != recorded.get(key)
        ]
        if differing:
            faults.append(f"the record beside it is of another file: it differs in {differing}")
    if manifest is not None and now is None:
        faults.append("the data behind it is not prepared any more")
    elif manifest is not None and manifest != now:
        faults.append(f"the data was prepared anew since: its digest is {str(now)[:12]} now")
    return faults
