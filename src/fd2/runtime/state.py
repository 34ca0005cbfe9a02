"""State of a running stage, from which a job that was stopped goes on to the same bytes."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from fd2.artifacts.files import canonical_json
from fd2.artifacts.tensors import read_tensors, write_tensors
from fd2.errors import FD2Error
from fd2.runtime.interruption import Interruption, StoppedError, watched_signals

if TYPE_CHECKING:
    from fd2.runtime.job import Job

_RANDOM = "random."
#: The newest one and the one before it, should the newest be damaged.
_SNAPSHOTS = 2


@dataclass(frozen=True)
class Snapshot:
    """A loop between two steps.

    Attributes:
        tensors: by name; names that start with ``random.`` are reserved.
        facts: JSON-able: positions, curves, schedules, states of NumPy generators.
    """

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any] = field(default_factory=dict)


class LoopState(Protocol):
    """Where a loop saves its snapshots."""

    def restore(self) -> Snapshot | None:
        """The latest snapshot, with torch's global generators set to it; None at a first start."""

    def checkpoint(self, take: Callable[[], Snapshot]) -> None:
        """To be called between two steps; it takes a snapshot where one is due."""


class NoState:
    """A `LoopState` that saves nothing, for loops that are never resumed."""

    def restore(self) -> Snapshot | None:
        """There is no snapshot."""
        return None

    def checkpoint(self, take: Callable[[], Snapshot]) -> None:
        """No snapshot is ever due."""


NO_STATE = NoState()


class StageState:
    """A folder of snapshots, keyed by all that shapes the stage's result.

    Snakemake deletes declared outputs of failed jobs, so the folder is not declared; a job with
    other settings, inputs, code, device or version of torch has another key and never sees it. The
    folder is made with the first snapshot; ``seconds`` lie between two of a loop, and 0 takes one
    at every step. The generators of ``device`` belong to a snapshot.
    """

    def __init__(
        self,
        folder: Path,
        about: Mapping[str, Any],
        seconds: float,
        interruption: Interruption,
        device: torch.device,
    ) -> None:
        self.folder = folder
        self.device = device
        self._about = about
        self._seconds = seconds
        self._interruption = interruption
        self._latest = time.monotonic()

    def part(self, name: str) -> Part:
        """The state of one loop, or one finished piece of the result."""
        return Part(self, name)

    def due(self) -> bool:
        """Whether a signal has come or the time is up; no wait for the device."""
        waited = time.monotonic() - self._latest
        return self._interruption.number is not None or waited >= self._seconds

    def write(self, path: Path, snapshot: Snapshot, seconds: float) -> None:
        """Write a snapshot, the global generators, and the seconds spent on the part so far."""
        random = {f"{_RANDOM}cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            random[f"{_RANDOM}cuda"] = torch.cuda.get_rng_state(self.device)
        metadata = {
            "about": dict(self._about),
            "part": path.name,
            "seconds": seconds,
            "facts": dict(snapshot.facts),
        }
        write_tensors(path, {**snapshot.tensors, **random}, metadata, finite=False)
        self._latest = time.monotonic()

    def read(self, path: Path) -> tuple[Snapshot, float]:
        """Read a snapshot with the part's seconds, and set the global generators.

        Raises:
            FD2Error: if the file is damaged, or is of another job or of another part.
        """
        tensors, facts = read_tensors(path, finite=False)
        if facts.get("about") != dict(self._about) or facts.get("part") != path.name:
            raise FD2Error("state of another job", str(path), "leave files of the state in place")
        torch.set_rng_state(tensors.pop(f"{_RANDOM}cpu"))
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors.pop(f"{_RANDOM}cuda"), self.device)
        return Snapshot(tensors, facts["facts"]), facts["seconds"]

    def stop_if_asked(self) -> None:
        """End the job if a signal has come.

        Raises:
            StoppedError: names the folder.
        """
        if self._interruption.number is not None:
            where = f"stage {self._about['shaped']['stage']}, state in {self.folder}"
            raise StoppedError(self._interruption.number, where)

    def remove_parts(self, start: str) -> None:
        """Delete the snapshots of all parts whose names begin so."""
        for path in self.folder.glob(f"{start}*.safetensors"):
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete all snapshots: the stage's outputs are written."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Part:
    """Numbered snapshots ``{name}.{number}.safetensors`` in a stage's state folder."""

    def __init__(self, state: StageState, name: str) -> None:
        self._state = state
        self._name = name
        self._start = time.monotonic()

    def seconds(self) -> float:
        """Time spent on the part in all runs, without what a kill lost."""
        return time.monotonic() - self._start

    def restore(self) -> Snapshot | None:
        """See `LoopState.restore`.

        A damaged snapshot is reported and deleted; the one before it is taken, or none.
        """
        for _, path in reversed(self._snapshots()):
            try:
                snapshot, seconds = self._state.read(path)
                self._start = time.monotonic() - seconds
                return snapshot
            except FD2Error as error:
                print(f"dropping a damaged state file: {error}", flush=True)
                path.unlink(missing_ok=True)
        return None

    def checkpoint(self, take: Callable[[], Snapshot]) -> None:
        """See `LoopState.checkpoint`.

        Raises:
            StoppedError: after the snapshot, if a signal has come.
        """
        if self._state.due():
            self.save(take())
            self._state.stop_if_asked()

    def save(self, snapshot: Snapshot) -> None:
        """Write a snapshot now, then delete all but the newest two.

        Raises:
            FD2Error: if it cannot be written; the earlier ones remain.
        """
        earlier = self._snapshots()
        number = earlier[-1][0] + 1 if earlier else 0
        path = self._state.folder / f"{self._name}.{number}.safetensors"
        self._state.write(path, snapshot, self.seconds())
        for _, old in earlier[: 1 - _SNAPSHOTS]:
            old.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the snapshots of this part."""
        for _, path in self._snapshots():
            path.unlink(missing_ok=True)

    def _snapshots(self) -> list[tuple[int, Path]]:
        start, end = f"{self._name}.", ".safetensors"
        paths = self._state.folder.glob(f"{start}*{end}")
        numbers = ((path.name.removeprefix(start).removesuffix(end), path) for path in paths)
        return sorted((int(number), path) for number, path in numbers if number.isdecimal())


@contextmanager
def stage_state(job: Job, shaped: Mapping[str, Any]) -> Iterator[StageState]:
    """The state of a stage shaped by `fd2.artifacts.provenance.shaped_by`, with signals watched."""
    about = {
        "shaped": dict(shaped),
        "code": dict(job.code),
        "device": job.device.type,
        "threads": job.threads,
        "torch": torch.__version__,
    }
    text = canonical_json(about)
    key = hashlib.sha256(text.encode()).hexdigest()[:24]
    with watched_signals() as interruption:
        yield StageState(
            job.state.folder / f"{shaped['stage']}-{key}",
            # As it reads from a file: tuples become lists.
            json.loads(text),
            job.state.seconds,
            interruption,
            job.device,
        )
