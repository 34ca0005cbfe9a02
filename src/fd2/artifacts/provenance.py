"""Where an artefact comes from: what shaped it, and the run that made it."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fd2.artifacts.files import file_digest
from fd2.artifacts.identity import FORMAT
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
        "format": FORMAT,
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
    run = {**_commit(), "versions": _versions(), "host": platform.platform(), **circumstances}
    return {**shaped, "run": {**run, **measured}}


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
def _commit() -> dict[str, Any]:
    """The source's commit, and whether its files differ from it; nulls outside a checkout."""
    here = Path(__file__).resolve().parent

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *words], cwd=here, capture_output=True, text=True, timeout=20, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    commit = git("rev-parse", "HEAD")
    changes = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


@lru_cache(maxsize=1)
def _versions() -> dict[str, str | None]:
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in ("fd2", *_PACKAGES):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return versions
