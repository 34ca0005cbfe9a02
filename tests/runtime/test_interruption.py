"""A terminal that is closed: real processes get SIGHUP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "src"
#: Says which signal it was that ended the watch.
WATCHER = """
import time
from fd2.runtime.interruption import watched_signals
with watched_signals() as interruption:
    print("watching", flush=True)
    while interruption.number is None:
        time.sleep(0.01)
print(interruption.number)
"""
#: A workflow of one job that outlasts any test.
SNAKEFILE = """
from fd2.runtime.interruption import stop_on_hangup

stop_on_hangup()

rule all:
    output: "never"
    shell: "echo > begun; sleep 600"
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are ended with the test, groups and all."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def start(words: list[str], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("before", "signals", "noted"),
    [
        ([], [signal.SIGHUP], signal.SIGHUP),
        (["nohup"], [signal.SIGHUP, signal.SIGTERM], signal.SIGTERM),
    ],
    ids=["closed", "nohup"],
)
def test_a_job_notes_that_its_terminal_is_closed(
    started: list[subprocess.Popen[str]],
    tmp_path: Path,
    before: list[str],
    signals: list[signal.Signals],
    noted: signal.Signals,
) -> None:
    process = start([*before, sys.executable, "-c", WATCHER], tmp_path)
    started.append(process)
    assert process.stdout is not None
    while process.stdout.readline() != "watching\n":
        assert process.poll() is None
    for number in signals:
        os.kill(process.pid, number)
        time.sleep(0.1)
    said, _ = process.communicate(timeout=20)
    assert (process.returncode, said) == (0, f"{noted.value}\n")


@pytest.mark.parametrize("before", [[], ["nohup"]], ids=["closed", "nohup"])
def test_snakemake_leaves_no_lock_when_its_terminal_is_closed(
    started: list[subprocess.Popen[str]], tmp_path: Path, before: list[str]
) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    command = [*before, sys.executable, "-m", "snakemake", "--cores", "1", "--nocolor"]
    process = start(command, tmp_path)
    started.append(process)
    while not (tmp_path / "begun").exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    assert list(tmp_path.glob(".snakemake/locks/*"))
    os.killpg(process.pid, signal.SIGHUP)
    if before:
        time.sleep(0.5)
        assert process.poll() is None and list(tmp_path.glob(".snakemake/locks/*"))
        os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode not in (0, -signal.SIGHUP)
    assert not list(tmp_path.glob(".snakemake/locks/*"))
