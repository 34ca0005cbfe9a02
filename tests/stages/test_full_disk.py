"""Every stage on a full disk: a clear message, nothing half written, and then it goes on."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import resource
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fd2.errors import FD2Error
from fd2.runtime.job import Job, StateSettings
from fd2.stages.evaluate import evaluate
from fd2.stages.patches import make_patches
from fd2.stages.prepare import PrepareSettings, prepare
from fd2.stages.pretrain import pretrain
from fd2.stages.relabel import relabel

if TYPE_CHECKING:
    from tests.conftest import Chain


Full = Callable[[], AbstractContextManager[None]]


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A tmpfs that only a helper process has mounted, which takes no root; seen through /proc."""
    script = f"mount -t tmpfs -o size=192m tmpfs {shlex.quote(str(folder))} && echo && read line"
    helper = subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert helper.stdin is not None and helper.stdout is not None
    assert helper.stdout.readline(), "no tmpfs can be mounted in a user namespace"
    try:
        yield Path(f"/proc/{helper.pid}/root{folder}")
    finally:
        helper.stdin.close()
        helper.wait()


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """A file takes all space that is left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(2**20))
        except OSError as error:
            assert error.errno == errno.ENOSPC
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def no_space_for_a_file() -> Iterator[None]:
    """The kernel refuses all that this process writes into a file, but for 64 bytes.

    A semaphore of the progress bar is a file of 32 bytes.
    """
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, most))
    try:
        # Standard output may be a file too.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


@pytest.fixture(scope="module", params=["limit", pytest.param("tmpfs", marks=pytest.mark.slow)])
def disk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Full]]:
    """A folder, and what makes its disk full for a while."""
    folder = tmp_path_factory.mktemp("disk")
    if request.param == "limit":
        yield folder, no_space_for_a_file
        return
    with small_disk(folder) as mounted:
        yield mounted, partial(filled, mounted)


@pytest.fixture
def stages(
    chain: Chain, nine: Path, labels: Path, disk: tuple[Path, Full]
) -> dict[str, Callable[[Job], None]]:
    """Each stage writes below the disk's folder ``out``."""
    out = disk[0] / "out"
    return {
        "prepare": lambda job: prepare(
            PrepareSettings("cells", "imagefolder", 32, {"path": str(chain.images)}), out, job
        ),
        "pretrain": lambda job: pretrain(
            chain.pretrain_settings("cal"), chain.data, out / "t.st", out / "t.json", job
        ),
        "patches": lambda job: make_patches(
            *(chain.patch_settings(), chain.data, chain.plain, out / "p.st", out / "p.json", job)
        ),
        "distill": lambda job: (
            chain.group(out / "g.st", chain.distill_settings(slots=(0, 1)), state=job.state.folder),
            None,
        )[1],
        "relabel": lambda job: relabel(chain.relabel_settings(), nine, [chain.cal], out, job),
        "evaluate": lambda job: evaluate(
            {out / "cell.json": chain.evaluate_settings()}, chain.data, nine, labels, job
        ),
    }


@pytest.mark.parametrize(
    "stage", ["prepare", "pretrain", "patches", "distill", "relabel", "evaluate"]
)
def test_a_full_disk(
    chain: Chain, disk: tuple[Path, Full], stages: dict[str, Callable[[Job], None]], stage: str
) -> None:
    folder, full = disk
    out, state = folder / "out", folder / "state"
    out.mkdir()
    job = dataclasses.replace(chain.job, state=StateSettings(state, 0))
    # What is written first is the state, if there is one, or else the artefact.
    for each in (job, dataclasses.replace(chain.job, state=StateSettings(state, 3600))):
        with full():
            with pytest.raises(FD2Error, match="cannot write") as refused:
                stages[stage](each)
            assert [p.name for p in folder.rglob("*") if p.is_file() and p.name != "filler"] == []
        assert refused.value.where.startswith(str(folder)) and "free space" in refused.value.fix
    stages[stage](job)
    made = {path: path.read_bytes() for path in out.iterdir()}
    for path in made:
        path.unlink()
    stages[stage](job)
    for path, content in made.items():
        if path.suffix != ".json":
            assert path.read_bytes() == content
    assert not [path for path in state.rglob("*") if path.is_file()]
    for path in made:
        path.unlink()
    out.rmdir()
