"""Time stamps of files against the clock: Snakemake deletes results older than their inputs."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fd2.errors import FD2Error, listing

#: Clocks of file servers and nodes are a little ahead or behind.
TOLERANCE_SECONDS = 60


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    """The files among ``paths``, and all files in the folders among them.

    Raises:
        OSError: if a folder cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise error

    for path in paths:
        if path.is_file():
            yield path
        for folder, _, names in os.walk(path, onerror=refuse if path.is_dir() else None):
            yield from (Path(folder, name) for name in names)


def require_past(paths: Sequence[Path]) -> None:
    """Refuse files that are stamped in the future.

    A job that reads one would compute to its end and be thrown away.

    Args:
        paths: files, or folders for all that is in them.

    Raises:
        FD2Error: names the first ones, and the command that stamps all of them.
        OSError: if a folder cannot be listed.
    """
    now = time.time()
    found = sorted(map(str, _after(files_below(paths), now + TOLERANCE_SECONDS)))
    if found:
        where = shlex.join(str(path) for path in paths if path.exists())
        # One stamp for all: of two that were made one after the other none becomes the older one.
        command = f"find {where} -type f -newermt now -exec touch -d @{int(now)} {{}} +"
        raise FD2Error(
            f"{len(found)} in the future: Snakemake deletes what is made of them",
            listing(found, most=3),
            f"set the machine's clock right, then: {command}",
        )


def settle(inputs: Iterable[Path]) -> None:
    """See that results written now are not older than their inputs, for Snakemake deletes them.

    Where clocks differ a little it waits until the inputs' stamps are past. Inputs of a clock that
    was set back meanwhile are stamped now; what they are made of may be newer then, which
    ``fd2 adopt`` puts right.
    """
    now = time.time()
    found = {path: path.stat().st_mtime for path in _after(inputs, now)}
    near = [stamp for stamp in found.values() if stamp <= now + TOLERANCE_SECONDS]
    time.sleep(max(near, default=now) - now)
    for path, stamp in found.items():
        if stamp > now + TOLERANCE_SECONDS:
            print(f"warning: the clock was set back: {path} is stamped anew", flush=True)
            os.utime(path, (now, now))


def _after(paths: Iterable[Path], latest: float) -> Iterator[Path]:
    for path in paths:
        # Links count as what they lead to, and those that lead nowhere not at all.
        if os.path.exists(path) and path.stat().st_mtime > latest:
            yield path
