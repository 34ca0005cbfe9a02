"""Every stage on a full disk: a clear message, nothing half written, and then it goes on."""

from __future__ import annotations

import dataclasses
import errno
import subprocess
from collections.abc import Callable, Iterator
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


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small tmpfs; root mounts it."""
    folder = tmp_path_factory.mktemp("disk")
    words = ["mount", "-t", "tmpfs", "-o", "size=192m", "tmpfs", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"a tmpfs for a full disk takes root: {done.stderr}"
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(2**20))
        except OSError as error:
            assert error.errno == errno.ENOSPC
    return filler


@pytest.fixture
def stages(chain: Chain, nine: Path, labels: Path, disk: Path) -> dict[str, Callable[[Job], None]]:
    """Each stage writes below the disk's folder ``out``."""
    out = disk / "out"
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
            chain.evaluate_settings(), chain.data, nine, labels, out / "cell.json", job
        ),
    }


@pytest.mark.parametrize(
    "stage", ["prepare", "pretrain", "patches", "distill", "relabel", "evaluate"]
)
def test_a_full_disk(
    chain: Chain, disk: Path, stages: dict[str, Callable[[Job], None]], stage: str
) -> None:
    job = dataclasses.replace(chain.job, state=StateSettings(disk / "state", 0))
    (disk / "out").mkdir()
    filler = fill(disk)
    with pytest.raises(FD2Error, match="cannot write") as refused:
        stages[stage](job)
    assert refused.value.where.startswith(str(disk)) and "free space" in refused.value.fix
    assert [path for path in disk.rglob("*") if path.is_file()] == [filler]
    filler.unlink()
    stages[stage](job)
    made = {path: path.read_bytes() for path in (disk / "out").iterdir()}
    for path in made:
        path.unlink()
    stages[stage](job)
    for path, content in made.items():
        if path.suffix != ".json":
            assert path.read_bytes() == content
    assert not [path for path in (disk / "state").rglob("*") if path.is_file()]
    for path in made:
        path.unlink()
    (disk / "out").rmdir()
