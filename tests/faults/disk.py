"""A disk that is full, in each stage: a small tmpfs in the place of results and state."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from chain import STAGES, Chain
from tally import Tally

SIZE = 256 * 2**20


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A tmpfs that takes the place of ``folder``, with its content.

    Raises:
        RuntimeError: if none can be mounted; that takes root, or a user namespace.
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
        raise RuntimeError(f"no tmpfs can be mounted: {done.stderr.strip()}")
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


def full_disks(chain: Chain, wanted: dict[str, str], tally: Tally, stages: Sequence[str]) -> None:
    """Each of the stages meets a full disk; then space is made, and it goes on."""
    if not stages:
        return
    state = chain.folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    with small_disk(chain.results):
        (chain.results / "state").mkdir()
        state.symlink_to(chain.results / "state")
        for stage in stages:
            later = list(STAGES)[list(STAGES).index(stage) :]
            wholes = [chain.results / STAGES[name] for name in later]
            chain.forget(later)
            filler = fill(chain.results)
            done = chain.run()
            clear = done.returncode != 0 and (
                "cannot write" in done.output or "No space left" in done.output
            )
            halves = [path for path in wholes if path.is_file()]
            filler.unlink()
            again = chain.run()
            same = again.returncode == 0 and chain.artefacts() == wanted
            said = f"{stage}: same {same}, halves {halves}, said {done.output[-800:]}"
            tally.add("full disk", clear and same and not halves, said)
        state.unlink()
        shutil.rmtree(chain.results / "state")
