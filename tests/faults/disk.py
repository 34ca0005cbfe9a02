"""A disk that is full, in each stage: a small tmpfs in the place of results and state."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chain import STAGES, Chain
from tally import Tally

SIZE = 256 * 2**20


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A tmpfs that takes the place of ``folder``, with its content.

    Raises:
        RuntimeError: if none can be mounted; that takes root.
    """
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        folder.rmdir()
        aside.rename(folder)
        raise RuntimeError(f"no tmpfs can be mounted, run as root: {done.stderr.strip()}")
    try:
        shutil.copytree(aside, folder, dirs_exist_ok=True)
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
        aside.rename(folder)


def fill(folder: Path) -> Path:
    """A file that takes all space that is left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(2**16))
        except OSError as error:
            assert error.errno == errno.ENOSPC
    return filler


def full_disks(chain: Chain, wanted: dict[str, str], tally: Tally) -> None:
    """Each stage meets a full disk; then space is made, and it goes on."""
    state = chain.folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    with small_disk(chain.results):
        state.symlink_to(chain.results)
        os.makedirs(chain.results, exist_ok=True)
        for number, stage in enumerate(STAGES):
            later = list(STAGES)[number:]
            before = {stage: chain.results / STAGES[stage] for stage in later}
            chain.forget(later)
            filler = fill(chain.results)
            done = chain.run()
            clear = done.returncode != 0 and (
                "cannot write" in done.output or "No space left" in done.output
            )
            halves = [path for path in before.values() if path.is_file()]
            filler.unlink()
            again = chain.run()
            same = again.returncode == 0 and chain.artefacts() == wanted
            said = f"{stage}: same {same}, halves {halves}, said {done.output[-800:]}"
            tally.add("full disk", clear and same and not halves, said)
        state.unlink()
