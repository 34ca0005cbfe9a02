"""The output folders: write access, tried by writing, free space, and files from the future."""

from __future__ import annotations

import os
import shlex
import tempfile
import time
from collections.abc import Iterator

from fd2.errors import FD2Error, listing, require_writable
from fd2.health import Finding, fault
from fd2.planning.disk import amount
from fd2.planning.project import PATHVARS, Project

#: Less than this is a fault by itself; `fd2 plan` compares with what a run writes.
LEAST_FREE = 10**9
#: Clocks of file servers are a little ahead or behind.
_CLOCK_TOLERANCE_SECONDS = 10


def check_folders(project: Project) -> Iterator[Finding]:
    """Each output folder can be written, and its disk has room."""
    disks: dict[int, str] = {}
    for name in PATHVARS:
        path = project.path(name)
        try:
            require_writable(path, f"pathvar '{name}'")
            existing = next(p for p in (path, *path.parents) if p.exists())
            # Permissions are not all: file systems can be read-only, or have none.
            with tempfile.NamedTemporaryFile(dir=existing, prefix=".fd2-doctor-"):
                disks.setdefault(os.stat(existing).st_dev, str(existing))
        except FD2Error as error:
            yield fault(name, error)
        except OSError as error:
            fix = f"change its permissions, or set 'pathvars.{name}' to another folder"
            yield Finding(name, f"cannot be written: {error.strerror} ({path})", fix)
        else:
            yield Finding(name, f"can be written ({path})")
    for folder in disks.values():
        yield _free(folder)


def _free(folder: str) -> Finding:
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


def check_time_stamps(project: Project) -> Finding:
    """No artefact is younger than now: Snakemake fails each job that reads such a file."""
    latest = time.time() + _CLOCK_TOLERANCE_SECONDS
    folders = [path for path in map(project.path, ("resources", "results")) if path.is_dir()]
    future = sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if not path.is_symlink() and path.stat().st_mtime > latest
    )
    if not future:
        return Finding("time stamps", "none is in the future")
    paths = shlex.join(map(str, folders))
    return Finding(
        "time stamps",
        f"{len(future)} in the future: {listing(list(map(str, future)), most=3)}",
        f"set the machine's clock right, then: find {paths} -newermt now -exec touch {{}} +",
    )
