"""How jobs end: one message, the exit status, and nothing half written."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from fd2.errors import FD2Error
from fd2.runtime.interruption import StoppedError
from fd2.runtime.job import logged


@contextmanager
def ends_with(status: int) -> Iterator[None]:
    with pytest.raises(SystemExit) as ended:
        yield
    assert ended.value.code == status


def test_a_users_fault_and_a_stop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for error, status in (
        (FD2Error("a thing", "a place", "a remedy"), 1),
        (StoppedError(signal.SIGTERM, "a place"), 143),
        (StoppedError(signal.SIGUSR1, "a place"), 138),
    ):
        with ends_with(status), logged(tmp_path / "deep" / "log"):
            raise error
        text = (tmp_path / "deep" / "log").read_text()
        assert text == capsys.readouterr().err == f"error: {error}\n"


def test_other_errors_keep_their_traceback(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="odd"), logged(tmp_path / "log"):
        raise RuntimeError("odd")
    assert "Traceback" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("stage", "setting"),
    [
        ("pretrain", "'pretrain.batch_size'"),
        ("train_expert", "'train_expert.batch_size'"),
        ("distill", "'distill.class_chunk'"),
        ("relabel", "'relabel.batch_size'"),
        ("evaluate", "'relabel.batch_size'"),
    ],
)
def test_memory_that_cannot_be_had(tmp_path: Path, stage: str, setting: str) -> None:
    """The processor's allocator really refuses; a GPU's raises its own type."""
    with ends_with(1), logged(tmp_path / "log", stage=stage):
        torch.empty(1 << 55, dtype=torch.uint8)
    text = (tmp_path / "log").read_text()
    assert text.startswith("error: out of memory") and "Traceback" not in text
    assert f"lower {setting}" in text and "changes the result" in text
    with ends_with(1), logged(tmp_path / "log", stage=stage):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")
    text = (tmp_path / "log").read_text()
    assert text.startswith("error: out of GPU memory: CUDA out of memory. Tried to allocate 2.00")
    assert setting in text


def test_a_log_on_a_full_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """/dev/full refuses every byte, as a full disk does."""
    (tmp_path / "log").symlink_to("/dev/full")
    with ends_with(1), logged(tmp_path / "log"):
        print("a line", flush=True)
    told = capsys.readouterr().err
    assert "cannot write: No space left on device" in told and "free space" in told


def test_a_folder_that_the_system_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the results of another user; the kernel's own folder takes nothing of root either."""
    with ends_with(1), logged(tmp_path / "log"):
        Path("/sys/fd2").mkdir()
    told = capsys.readouterr().err
    assert told == (tmp_path / "log").read_text()
    assert "cannot be read or written" in told and "where: /sys/fd2" in told


ORPHANS = """
import os, signal, sys
from pathlib import Path
from fd2.artifacts.files import atomic_write
with atomic_write(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_is_cleared(tmp_path: Path) -> None:
    from fd2.artifacts.files import write_json

    target = tmp_path / "file.json"
    status = os.spawnve(
        os.P_WAIT, sys.executable, [sys.executable, "-c", ORPHANS, str(target)], dict(os.environ)
    )
    assert status == -signal.SIGKILL
    (orphan,) = tmp_path.iterdir()
    living = orphan.with_name(orphan.name.rsplit("-", 1)[0] + f"-{os.getppid()}.tmp")
    living.write_text("another process writes this")
    write_json(target, 1)
    assert sorted(tmp_path.iterdir()) == sorted([target, living])
