"""Whether the outputs of a plan fit on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fd2.errors import FD2Error
from fd2.planning.forecast import JobForecast
from fd2.planning.project import Project


@dataclass(frozen=True)
class Need:
    """What pending jobs will write on one file system.

    Attributes:
        folder: the nearest folder that is there.
        wanted: bytes, less those of files that are replaced.
        files: their number, without those that are replaced.
        free: bytes that are free for this user.
        free_files: files that can still be made; None where the file system has no limit.
    """

    folder: Path
    wanted: int
    files: int
    free: int
    free_files: int | None


def needs(project: Project, forecasts: Iterable[JobForecast]) -> list[Need]:
    """What pending jobs need, by file system. Files of unknown size count as files alone."""
    wanted: dict[int, tuple[Path, int, int]] = {}
    for one in forecasts:
        if not one.job.pending:
            continue
        for output, size in one.sizes.items():
            path = project.folder / output
            folder = next(parent for parent in path.parents if parent.exists())
            there = path.stat().st_size if path.is_file() else 0
            device = os.stat(folder).st_dev
            first, size_before, files = wanted.get(device, (folder, 0, 0))
            total = size_before + ((size or there) - there)
            wanted[device] = first, total, files + (0 if path.exists() else 1)
    found = []
    for folder, total, files in wanted.values():
        state = os.statvfs(folder)
        free_files = state.f_favail if state.f_files else None
        free = state.f_bavail * state.f_frsize
        found.append(Need(folder, max(total, 0), files, free, free_files))
    return found


def require_room(found: Iterable[Need]) -> None:
    """Refuse a plan that does not fit.

    Raises:
        FD2Error: names the folder, what is needed and what is free.
    """
    for need in found:
        if need.wanted > need.free:
            raise FD2Error(
                f"the plan writes {amount(need.wanted)}, {amount(need.free)} are free",
                str(need.folder),
                "free some space, set 'pathvars.results' to a larger disk, or ask for less",
            )
        if need.free_files is not None and need.files > need.free_files:
            raise FD2Error(
                f"the plan writes {need.files} files, the file system can take {need.free_files}",
                str(need.folder),
                "delete files, or set 'pathvars.results' to another file system",
            )


def amount(size: float) -> str:
    """Bytes for readers, in powers of 1000: ``1.25 GB``."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.3g} {unit}"
