"""Files from the future, which a clock that ran ahead has left."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

from fd2.health.finding import Finding
from fd2.planning.project import Project

#: Clocks of file servers are a little ahead or behind.
_TOLERANCE = 10
_FOLDERS = ("resources", "results")
_NAMED = 3


def check_time_stamps(project: Project) -> Finding:
    """No artefact is younger than now: Snakemake fails each job that reads such a file."""
    latest = time.time() + _TOLERANCE
    folders = [path for path in map(project.path, _FOLDERS) if path.is_dir()]
    future = sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if not path.is_symlink() and path.stat().st_mtime > latest
    )
    if not future:
        return Finding("time stamps", "none is in the future")
    named = ", ".join(map(str, future[:_NAMED])) + (" ..." if len(future) > _NAMED else "")
    return Finding(
        "time stamps",
        f"{len(future)} in the future: {named}",
        f"set the machine's clock right, then: {_touch(folders)}",
    )


def _touch(folders: list[Path]) -> str:
    places = " ".join(shlex.quote(str(folder)) for folder in folders)
    return f"find {places} -newermt now -exec touch {{}} +"
