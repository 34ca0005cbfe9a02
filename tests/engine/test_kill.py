"""A group killed by SIGKILL between slots ends in the bytes of a group made in one go."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from fd2.artifacts.images import read_slots
from fd2.artifacts.tensors import read_tensors, write_tensors

if TYPE_CHECKING:
    from tests.conftest import Chain

#: Slow enough that the signal arrives within the second slot.
SLOW = {"iterations": 12}
SCRIPT = """
import json, sys
from pathlib import Path
from fd2.config.settings import DistillSettings, build
from fd2.runtime.job import StateSettings, start_job
from fd2.stages.distill import distill
given = json.load(sys.stdin)
paths = {name: Path(path) for name, path in given["paths"].items()}
distill(
    build(DistillSettings, given["settings"]), paths["manifest"], paths["patches"],
    [paths["teacher"]], paths["output"], paths["record"],
    start_job("cpu", 1, state=StateSettings(paths["state"])),
)
"""


@pytest.fixture(scope="module")
def whole(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = chain.distill_settings(SLOW, class_chunk=2)
    path = chain.group(tmp_path_factory.mktemp("whole") / "group.safetensors", settings)
    assert chain.moved(path) > 0.5, "images as they began would be the same after any kill"
    return path


@pytest.fixture(scope="module")
def killed(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State of a group killed after its first slot; a real signal to a real process."""
    folder = tmp_path_factory.mktemp("killed")
    settings = dataclasses.asdict(chain.distill_settings(SLOW, class_chunk=2))
    paths = {
        "manifest": chain.data / "manifest.json",
        "patches": chain.patches,
        "teacher": chain.cal,
        "output": folder / "group.safetensors",
        "record": folder / "group.json",
        "state": folder / ".state",
    }
    given = {"settings": settings, "paths": {name: str(path) for name, path in paths.items()}}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")},
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(given))
    process.stdin.close()
    deadline = time.monotonic() + 300
    while not list(folder.glob(".state/*/slot0-chunk1.0.safetensors")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not paths["output"].exists()
    return folder


def state_files(root: Path) -> list[Path]:
    return sorted(root.glob("*/slot*.safetensors"))


@pytest.fixture
def state(killed: Path, tmp_path: Path) -> Path:
    """A copy of the killed group's state, free to be used up."""
    for path in state_files(killed / ".state"):
        copy = tmp_path / ".state" / path.parent.name / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return tmp_path / ".state"


def test_a_killed_group_goes_on_to_the_same_bytes(
    chain: Chain, whole: Path, state: Path, tmp_path: Path
) -> None:
    finished = {path.name for path in state_files(state)}
    assert {"slot0-chunk0.0.safetensors", "slot0-chunk1.0.safetensors"} <= finished
    assert "slot2-chunk1.0.safetensors" not in finished
    settings = chain.distill_settings(SLOW, class_chunk=2)
    again = chain.group(tmp_path / "group.safetensors", settings)
    assert again.read_bytes() == whole.read_bytes()
    assert not list(state.iterdir())


def test_slots_one_by_one_equal_the_group_in_one_go(
    chain: Chain, whole: Path, state: Path, tmp_path: Path
) -> None:
    """The slots that the state holds are those of the whole group, class by class."""
    images = read_slots(whole).images
    for chunk, classes in enumerate((slice(0, 2), slice(2, 3))):
        (path,) = state.glob(f"*/slot0-chunk{chunk}.0.safetensors")
        assert torch.equal(read_tensors(path)[0]["images"], images[0, classes])


def test_finished_slots_are_taken_from_the_state(
    chain: Chain, whole: Path, state: Path, tmp_path: Path
) -> None:
    (path,) = state.glob("*/slot0-chunk0.0.safetensors")
    tensors, facts = read_tensors(path)
    marked = 255 - tensors["images"]
    write_tensors(path, {**tensors, "images": marked}, facts)
    settings = chain.distill_settings(SLOW, class_chunk=2)
    again = read_slots(chain.group(tmp_path / "group.safetensors", settings)).images
    assert torch.equal(again[0, :2], marked)
    assert torch.equal(again[0, 2], read_slots(whole).images[0, 2])


def test_state_of_other_settings_is_not_used(chain: Chain, state: Path, tmp_path: Path) -> None:
    kept = {path: path.read_bytes() for path in state_files(state)}
    other = chain.distill_settings(SLOW, class_chunk=2, slots=(0,), seed=1)
    chain.group(tmp_path / "other.safetensors", other)
    fresh = chain.group(tmp_path / "fresh.safetensors", other, state=tmp_path / "elsewhere")
    assert (tmp_path / "other.safetensors").read_bytes() == fresh.read_bytes()
    assert {path: path.read_bytes() for path in state_files(state)} == kept


@pytest.mark.parametrize("length", [0, 5, 200, -1])
def test_a_truncated_state_file_is_made_anew(
    chain: Chain,
    whole: Path,
    state: Path,
    tmp_path: Path,
    length: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (path,) = state.glob("*/slot0-chunk0.0.safetensors")
    path.write_bytes(path.read_bytes()[:length])
    settings = chain.distill_settings(SLOW, class_chunk=2)
    again = chain.group(tmp_path / "group.safetensors", settings)
    assert again.read_bytes() == whole.read_bytes()
    assert "dropping a damaged state file" in capsys.readouterr().out
