"""The tiny chain in a folder of its own, run by real snakemake processes that may be killed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fd2.artifacts.images import read_slots

CELL = "students/tiny/sre2lpp/fd2/base/ipc2/resnet10t/seed0.json"
#: A cell of the same shape, whose artefacts are swapped in.
TWIN = "students/tiny/sre2lpp/plain/base/ipc2/resnet10t/seed0.json"
GROUP = "distilled/tiny/sre2lpp/fd2/base/group0.safetensors"
SET = "distilled/tiny/sre2lpp/fd2/base/ipc2.safetensors"
LABELS = "labels/tiny/sre2lpp/fd2/base/ipc2"
#: What the cell is made of, in the order of the chain: a path that each stage writes.
STAGES = {
    "prepare": "data/tiny",
    "pretrain": "teachers/tiny",
    "patches": "patches/tiny",
    "distill": GROUP,
    "assemble": SET,
    "relabel": LABELS,
    "evaluate": CELL,
}
#: Long enough for a signal to come within each stage, with a state every second.
LONGER = {
    "state_seconds": 1,
    "pretrain": {"epochs": 15},
    "distill": {"methods": {"sre2lpp": {"iterations": 60}}},
    "relabel": {"epochs": 30},
    "evaluate": {"epochs": 30},
}
_NOT_COMPARED = ("run", "record_sha256")


@dataclass(frozen=True)
class Outcome:
    """How a snakemake command ended, with all it printed."""

    returncode: int
    output: str


class Chain:
    """A copy of the repository with the tiny config.

    Args:
        folder: its root.
        longer: whether stages take seconds, or as little as the tests' tiny config says.
    """

    def __init__(self, folder: Path, *, longer: bool) -> None:
        self.folder = folder
        self.results = folder / "results"
        self._configs = ["config/tiny.yaml", "config/own.json"]
        #: Settings of this chain alone, JSON.
        self.own = folder / "config/own.json"
        self.own.write_text(json.dumps(LONGER if longer else {"state_seconds": 0}))

    def command(self, *arguments: str) -> list[str]:
        """Snakemake for the one cell."""
        words = [sys.executable, "-m", "snakemake", "--nocolor", "--cores", "1"]
        return [*words, f"results/{CELL}", *arguments, "--configfile", *self._configs]

    def start(self, log: IO[str], *arguments: str) -> subprocess.Popen[str]:
        """Start snakemake as the head of a process group of its own."""
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env={**environment, "OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> Outcome:
        """Run snakemake to its end; a lock that a killed one left is taken away first."""
        if list(self.folder.glob(".snakemake/locks/*")) and "--unlock" not in arguments:
            self.run("--unlock")
        path = self.folder / "snakemake.out"
        with path.open("w") as log:
            status = self.start(log, *arguments).wait()
        return Outcome(status, path.read_text())

    def fd2(self, *arguments: str) -> Outcome:
        """An fd2 command in the chain's folder, for its configs; standard output alone."""
        done = subprocess.run(
            [sys.executable, "-m", "fd2", *arguments, "--configfile", *self._configs],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder / "src")},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout)

    def stopped(self, after: float, number: signal.Signals) -> bool:
        """Run for some seconds, then signal the whole process group; False if it ended before."""
        if list(self.folder.glob(".snakemake/locks/*")):
            self.run("--unlock")
        with (self.folder / "snakemake.out").open("w") as log:
            process = self.start(log)
            deadline = time.monotonic() + after
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            if process.poll() is not None:
                assert process.returncode == 0, (self.folder / "snakemake.out").read_text()
                return False
            os.killpg(process.pid, number)
            process.wait(timeout=120)
        return True

    def forget(self, stages: Sequence[str]) -> None:
        """Delete what these stages wrote."""
        for stage in stages:
            path = self.results / STAGES[stage]
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)

    def artefacts(self) -> dict[str, str]:
        """A digest of every artefact of the cell, without times, by path below results."""
        found = {}
        for start in STAGES.values():
            path = self.results / start
            files = [path, path.with_suffix(".json")] if path.suffix else path.rglob("*")
            for file in files:
                if file.is_file() and not file.name.startswith("."):
                    found[str(file.relative_to(self.results))] = fingerprint(file)
        return found

    def moved(self) -> float:
        """The share of the group's bytes that distillation changed, from its initial patches."""
        group = read_slots(self.results / GROUP)
        patches = read_slots(self.results / "patches/tiny/2x2.safetensors")
        first = patches.images[list(group.slots)]
        return float((group.images != first).double().mean())

    def leftovers(self) -> list[Path]:
        """Temporary files, and states of stages that are finished."""
        hidden = [path for path in self.results.rglob(".*") if path.is_file()]
        state = self.folder / "state"
        return hidden + (list(state.iterdir()) if state.is_dir() else [])


def fingerprint(path: Path) -> str:
    """sha256 of the bytes; of records without the facts of the run, which hold times."""
    if path.suffix == ".json":
        content = json.loads(path.read_text(encoding="utf-8"))
        kept = {key: value for key, value in content.items() if key not in _NOT_COMPARED}
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest()
