"""What surrounds a stage's one library call: log, device, threads, allocator, clock."""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fd2.errors import FD2Error
from fd2.runtime.device import device_name, resolve_device
from fd2.runtime.memory import keep_freed_memory, peak_memory_mb

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Job:
    """The circumstances of one running stage. None of them may change its result.

    Attributes:
        device: where tensors live.
        threads: CPU threads that torch may use.
        started: wall-clock time in UTC, ISO 8601.
    """

    device: torch.device
    threads: int
    started: str
    _clock: float = field(default_factory=time.monotonic)

    def facts(self) -> dict[str, object]:
        """Device, threads, times and peak memory so far, for provenance."""
        return {
            "device": str(self.device),
            "device_name": device_name(self.device),
            "threads": self.threads,
            "started": self.started,
            "finished": _now(),
            "seconds": round(time.monotonic() - self._clock, 3),
            "peak_memory_mb": {k: round(v, 1) for k, v in peak_memory_mb(self.device).items()},
        }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def start_job(device: str, threads: int, jobs_per_gpu: int = 1) -> Job:
    """Resolve the device, limit threads, set the allocator, start the clock, and say so.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: CPU threads for torch.
        jobs_per_gpu: how many jobs may use a GPU at once; the job waits for its turn.

    Raises:
        FD2Error: if the device is unknown or not there.
    """
    import torch

    keep_freed_memory()
    torch.set_num_threads(max(threads, 1))
    resolved = resolve_device(device, jobs_per_gpu)
    job = Job(device=resolved, threads=threads, started=_now())
    print(f"device: {resolved} ({device_name(resolved)}), threads: {threads}", flush=True)
    return job


@contextlib.contextmanager
def logged(log: str | Path, *, echo_errors: bool = True) -> Iterator[None]:
    """Send standard output and error to ``log``; a user's fault ends in one clear message.

    On a terminal standard error stays on the terminal, for the progress bar. An `FD2Error` is
    printed without a traceback, in the log and on standard error, and ends the process with 1.

    Args:
        log: the file to write; its folder is made.
        echo_errors: also print the message of an error to the original standard error.
    """
    path = Path(log)
    path.parent.mkdir(parents=True, exist_ok=True)
    terminal = sys.stderr
    with path.open("w", buffering=1) as stream:
        error_stream = terminal if terminal.isatty() else stream
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(error_stream):
            try:
                yield
            except FD2Error as error:
                print(f"error: {error}", file=stream)
                if echo_errors:
                    print(f"error: {error}", file=terminal, flush=True)
                raise SystemExit(1) from error
            except BaseException:
                traceback.print_exc(file=stream)
                raise
