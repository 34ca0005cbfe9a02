"""Which device each of several processes gets, also after some of them were killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fd2.errors import FD2Error
from fd2.runtime.device import visible_gpus
from fd2.runtime.lease import lease, lease_folder

#: Takes a device, says which, and keeps it until its input ends.
HOLDER = """
import sys
from pathlib import Path
from fd2.runtime.lease import lease
print("leased", lease(sys.argv[3].split(","), int(sys.argv[2]), Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""
SOURCES = Path(__file__).resolve().parents[2] / "src"


class Holder:
    """A process that leases one of some devices."""

    def __init__(self, folder: Path, jobs_per_device: int, devices: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder), str(jobs_per_device), devices],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
        )

    def says(self) -> str:
        """Its next line: ``leased`` and a position, or that it waits."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        """SIGKILL: it cannot clean up. A second time does nothing."""
        if self._process.poll() is not None:
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Callable[[int, str], Holder]]:
    """Starts processes that share a folder of locks; they are gone afterwards."""
    started: list[Holder] = []

    def start(jobs_per_device: int, devices: str) -> Holder:
        started.append(Holder(tmp_path, jobs_per_device, devices))
        return started[-1]

    yield start
    for process in started:
        process.kill()


def test_each_process_gets_a_device_of_its_own(holder: Callable[[int, str], Holder]) -> None:
    processes = [holder(1, "0,1,2") for _ in range(3)]
    assert sorted(process.says() for process in processes) == [f"leased {i}" for i in range(3)]


def test_one_more_waits_and_takes_the_place_of_a_killed_one(
    holder: Callable[[int, str], Holder],
) -> None:
    first = {process.says(): process for process in [holder(1, "0,1") for _ in range(2)]}
    late = holder(1, "0,1")
    assert late.says().startswith("waiting for a GPU: all of 0, 1 are taken")
    first["leased 1"].kill()
    assert late.says() == "leased 1"


def test_devices_fill_evenly_before_they_are_shared(holder: Callable[[int, str], Holder]) -> None:
    taken = []
    for _ in range(4):
        process = holder(2, "0,1")
        taken.append(process.says())
    assert taken == ["leased 0", "leased 1", "leased 0", "leased 1"]
    assert holder(2, "0,1").says().startswith("waiting")


def test_processes_that_see_other_devices_agree_by_name(
    holder: Callable[[int, str], Holder],
) -> None:
    assert holder(1, "GPU-a,GPU-b").says() == "leased 0"
    assert holder(1, "GPU-b,GPU-a").says() == "leased 0"
    assert holder(1, "GPU-a,GPU-b").says().startswith("waiting")


@pytest.mark.parametrize(("devices", "jobs"), [([], 1), (["0"], 0)])
def test_nothing_to_lease(tmp_path: Path, devices: list[str], jobs: int) -> None:
    with pytest.raises(FD2Error, match="jobs_per_gpu"):
        lease(devices, jobs, tmp_path)


def test_allocations_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    folders = {lease_folder()}
    for allocation in ("17", "18"):
        monkeypatch.setenv("SLURM_JOB_ID", allocation)
        folders.add(lease_folder())
    assert [lease(["0"], 1, folder) for folder in sorted(folders)] == [0, 0, 0]


def test_a_folder_that_is_a_link_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"fd2-gpus-{os.getuid()}").symlink_to("elsewhere")
    with pytest.raises(FD2Error, match="belongs to somebody else"):
        lease_folder()


@pytest.mark.parametrize(
    ("variable", "names"),
    [
        (None, ["0", "1", "2"]),
        ("", ["0", "1", "2"]),
        ("5,3,1", ["5", "3", "1"]),
        ("GPU-a, GPU-b,GPU-c,-1", ["GPU-a", "GPU-b", "GPU-c"]),
    ],
)
def test_names_of_visible_gpus(
    variable: str | None, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert visible_gpus(3) == names
