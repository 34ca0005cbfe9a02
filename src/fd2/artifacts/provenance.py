"""Where an artefact comes from: what shaped it, and the run that made it."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fd2.artifacts.files import file_digest
from fd2.config.code import PACKAGE
from fd2.errors import FD2Error

_PACKAGES = ("torch", "torchvision", "timm", "numpy", "safetensors", "pillow", "snakemake")


def shaped_by(
    stage: str, settings: object, manifest: str, inputs: Mapping[str, str | Path]
) -> dict[str, Any]:
    """Facts that shape an artefact; the same for two runs of the same job.

    Settings are a dataclass or a mapping. Of input files, by role, the sha256 is recorded, not the
    path.
    """
    if is_dataclass(settings) and not isinstance(settings, type):
        settings = asdict(settings)
    return {
        "stage": stage,
        "settings": settings,
        "manifest": manifest,
        "inputs": {role: file_digest(path) for role, path in sorted(inputs.items())},
    }


def record(
    shaped: Mapping[str, Any], circumstances: Mapping[str, object], **measured: object
) -> dict[str, Any]:
    """What shaped an artefact and the run that made it: commit, versions, device, times.

    ``circumstances`` are those of `fd2.runtime.job.Job.facts`; ``measured`` is what else differs
    from run to run, such as times of its parts.
    """
    commit, unknown = source_commit()
    if unknown is not None:
        print(f"warning: no commit in the record: {unknown}", flush=True)
    run = {**commit, "versions": _versions(), "host": platform.platform(), **circumstances}
    return {**shaped, "run": {**run, **measured}}


def source_digests(paths: Iterable[str]) -> dict[str, str]:
    """sha256 of source files by their paths in the repository."""
    root = PACKAGE.resolve().parents[1]
    return {
        Path(path).resolve().relative_to(root).as_posix(): file_digest(path)
        for path in sorted(paths)
    }


def same_manifest(digests: Mapping[str, str]) -> str:
    """The one manifest digest of several artefacts, whose digests are given by path.

    Raises:
        FD2Error: if two differ: their class order or images may differ, so that combining them
            would give a plausible but wrong number.
    """
    if len(set(digests.values())) > 1:
        listing = "; ".join(f"{path}: {digest[:12]}" for path, digest in digests.items())
        raise FD2Error(
            "artefacts of different manifests cannot be combined",
            listing,
            "remake the older ones from the present data (delete them and run snakemake again)",
        )
    return next(iter(digests.values()))


@lru_cache(maxsize=1)
def source_commit() -> tuple[dict[str, Any], str | None]:
    """The source's commit and whether its files differ from it, and why these are not known.

    Without a checkout, without git, and where git refuses the folder because somebody else owns it,
    both are None.
    """
    here = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words],
            cwd=here,
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=20,
            check=True,
        ).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        changes = git("status", "--porcelain", "--untracked-files=no")
    except FileNotFoundError:
        return {"commit": None, "dirty": None}, "git is not installed"
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines()
        return {"commit": None, "dirty": None}, said[0] if said else "git fails"
    return {"commit": commit, "dirty": bool(changes)}, None


@lru_cache(maxsize=1)
def _versions() -> dict[str, str | None]:
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in ("fd2", *_PACKAGES):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return versions
