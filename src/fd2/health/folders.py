"""The folders that a run writes to, tried by writing: room, locks, time stamps, other owners."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fd2.config.pathvars import PATHVARS
from fd2.errors import FD2Error, listing, require_writable
from fd2.health import Finding, fault
from fd2.health.paths import require_plain_paths
from fd2.health.start import INPUTS, SOURCES
from fd2.planning.disk import amount
from fd2.planning.project import Project, require_workflow
from fd2.runtime.clock import require_past

#: Less than this is a fault by itself; `fd2 plan` compares with what a run writes.
LEAST_FREE = 10**9


def check_path() -> Finding:
    """The folder of the workflow and that of Python, and whether commands can name them."""
    require_workflow(Path.cwd())
    require_plain_paths(Path.cwd())
    return Finding("path", f"{Path.cwd()}, {sys.executable}")


def check_own_folders() -> Iterator[Finding]:
    """What Snakemake, torch and others write beside the outputs: where, and how to change it."""
    home = Path(os.path.expanduser("~"))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    for variable, usual in (
        ("HOME", home),
        ("XDG_CACHE_HOME", cache),
        ("TORCH_HOME", cache / "torch"),
        ("TMPDIR", Path(tempfile.gettempdir())),
    ):
        folder = Path(os.environ.get(variable) or usual)
        yield _written(variable, folder, f"export {variable}=FOLDER, a folder that you can write")
    fix = "make the workflow's folder your own, or clone it anew"
    yield _written(".snakemake", Path.cwd() / ".snakemake", fix)
    yield _lock(Path.cwd() / ".snakemake" / "locks")


def _lock(folder: Path) -> Finding:
    if not folder.is_dir() or not any(folder.iterdir()):
        return Finding("lock", "none")
    fix = "wait until it ends; if nothing runs here any more: snakemake --unlock"
    return Finding("lock", f"another run goes on here, or was killed ({folder})", fix)


def check_folders(project: Project) -> Iterator[Finding]:
    """Each output folder can be written, and its disk has room."""
    disks: dict[int, Path] = {}
    for name in PATHVARS:
        path = project.path(name)
        finding = _written(name, path, f"set 'pathvars.{name}' to a folder that you can write")
        yield finding
        if finding.ok:
            existing = _existing(path)
            disks.setdefault(os.stat(existing).st_dev, existing)
    for folder in disks.values():
        yield _free(folder)


def _existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    return next(p for p in (path, *path.absolute().parents) if os.path.exists(p))


def _written(subject: str, path: Path, fix: str) -> Finding:
    if path.parts[:1] == ("~",):
        return Finding(subject, f"there is no home folder for {path}", fix)
    try:
        require_writable(path, subject)
        # Permissions are not all: file systems can be read-only, or have none.
        with tempfile.NamedTemporaryFile(dir=_existing(path), prefix=".fd2-doctor-"):
            return Finding(subject, f"can be written ({path})")
    except FD2Error as error:
        return Finding(subject, f"{error.what} ({path})", fix)
    except OSError as error:
        return Finding(subject, f"cannot be written: {error.strerror} ({path})", fix)


def _free(folder: Path) -> Finding:
    state = os.statvfs(folder)
    free = state.f_bavail * state.f_frsize
    fact = f"{amount(free)} free at {folder}"
    if state.f_files:
        fact += f", room for {state.f_favail} files"
    if free < LEAST_FREE:
        return Finding("disk", fact, "free some space, or set 'pathvars.results' to another disk")
    if state.f_files and state.f_favail == 0:
        return Finding("disk", fact, "delete files: the file system can take no more")
    return Finding("disk", fact)


def check_access(project: Project) -> Iterator[Finding]:
    """What is there of earlier runs, perhaps of another user, can be read and replaced."""
    for name in INPUTS:
        closed = _closed(project.path(name))
        if closed:
            found = f"{len(closed)} files or folders are closed to you: {listing(closed, most=3)}"
            fix = f"have them made yours (chown -R), or set 'pathvars.{name}' to another folder"
            yield Finding(f"access to {name}", found, fix)
        else:
            yield Finding(f"access to {name}", "all can be read and replaced")


def _closed(root: Path) -> list[str]:
    """Folders below ``root`` that cannot be listed and written, and files that cannot be read."""
    everything = os.R_OK | os.W_OK | os.X_OK
    closed = []
    for folder, _, files in os.walk(root):
        below = [os.path.join(folder, file) for file in files]
        closed += [path for path in below if os.path.exists(path) and not os.access(path, os.R_OK)]
        subfolders = [entry.path for entry in os.scandir(folder) if entry.is_dir()]
        closed += [path for path in subfolders if not os.access(path, everything)]
    return closed


def check_time_stamps(project: Project) -> Iterator[Finding]:
    """No source, input or artefact is younger than now."""
    outputs = [project.path(name) for name in INPUTS]
    try:
        require_past([*(project.folder / name for name in SOURCES), *outputs])
    except FD2Error as error:
        yield fault("time stamps", error)
    else:
        yield Finding("time stamps", "none is in the future")
