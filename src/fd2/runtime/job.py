"""What surrounds a stage's one library call: log, device, threads, allocator, clock."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from fd2.artifacts.identity import artefact_name
from fd2.artifacts.provenance import source_digests
from fd2.errors import FD2Error, cannot_write, system_fault
from fd2.runtime.clock import require_past, settle
from fd2.runtime.device import device_name, resolve_device
from fd2.runtime.interruption import StoppedError
from fd2.runtime.lazy_compiler import import_compiler_late
from fd2.runtime.memory import keep_freed_memory, out_of_memory, peak_memory_mb
from fd2.runtime.taken_back import Wanted, take_back
from fd2.runtime.threads import use_threads

if TYPE_CHECKING:
    import torch

#: Environment variable of runs that a view follows, which shows errors from the logs.
VIEWED = "FD2_VIEWED"


@dataclass(frozen=True)
class StateSettings:
    """Where running stages keep their state, and how often.

    Attributes:
        folder: parent of all states; not declared to Snakemake.
        seconds: between two snapshots.
    """

    folder: Path = Path("state")
    seconds: float = 300


@dataclass(frozen=True)
class Job:
    """The circumstances of one running stage. None of them may change its result.

    Attributes:
        device: where tensors live.
        threads: CPU threads that torch computes with.
        started: wall-clock time in UTC, ISO 8601.
        state: where the stage keeps what it needs to go on after a stop.
        code: sha256 of the sources by their paths in the repository; state that other code left is
            not taken over.
    """

    device: torch.device
    threads: int
    started: str
    state: StateSettings = field(default_factory=StateSettings)
    code: Mapping[str, str] = field(default_factory=dict)
    _clock: float = field(default_factory=time.monotonic)

    def restarted(self) -> Job:
        """The same job with its clock started anew, for the next of several results."""
        return replace(self, started=_now(), _clock=time.monotonic())

    def facts(self) -> dict[str, object]:
        """Device, threads, times, peak memory so far, and sources, for provenance."""
        return {
            "device": str(self.device),
            "device_name": device_name(self.device),
            "threads": self.threads,
            "started": self.started,
            "finished": _now(),
            "seconds": round(time.monotonic() - self._clock, 3),
            "peak_memory_mb": {k: round(v, 1) for k, v in peak_memory_mb(self.device).items()},
            "code": dict(self.code),
        }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def start_job(
    device: str, threads: int, jobs_per_gpu: int = 1, state: StateSettings | None = None
) -> Job:
    """Resolve the device, set threads and allocator, start the clock, and say so.

    The job waits for its turn where ``jobs_per_gpu`` others use the GPU. State is by default in
    ``state`` below the working folder.

    Raises:
        FD2Error: if the device is unknown or missing, or the environment allows fewer threads.
    """
    keep_freed_memory()
    use_threads(threads)
    resolved = resolve_device(device, jobs_per_gpu)
    job = Job(resolved, threads, _now(), state or StateSettings())
    print(f"device: {resolved} ({device_name(resolved)}), threads: {threads}", flush=True)
    return job


@contextlib.contextmanager
def stage_job(
    asked: Any,
    stage: str = "",
    *,
    threads: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Job]:
    """The job that Snakemake asks for, in a `script`: threads, resources and code inputs.

    It computes with ``threads``, or as many as the resource ``compute_threads`` says: the rule's
    threads are cores, which ``--cores`` lowers. ``settings`` are the stage's, where the rule has
    none. A job whose result is kept, see `take_back`, ends the process here with success.
    """
    resources = asked.resources
    with script(asked, stage):
        done = take_back(_wanted(asked, settings))
        if not done:
            state = StateSettings(
                Path(resources.get("state", StateSettings.folder)),
                resources.get("state_seconds", StateSettings.seconds),
            )
            device, share = resources.get("device", "cpu"), resources.get("jobs_per_gpu", 1)
            threads = threads or resources.get("compute_threads", asked.threads)
            job = start_job(device, threads, share, state)
            yield replace(job, code=source_digests(asked.input.code))
    if done:
        # The body of the caller's ``with`` must not run.
        raise SystemExit(0)


def _wanted(asked: Any, settings: Mapping[str, Any] | None) -> Wanted:
    given = settings or asked.params.settings
    code = set(asked.input.code)
    # The data is told by its manifest's digest, not by files.
    data = {path for path in asked.input if artefact_name(path) and Path(path).parts[-3] == "data"}
    return Wanted(
        outputs=[Path(path) for path in asked.output],
        settings=given if isinstance(given, list) else [given],
        inputs=[Path(path) for path in asked.input if path not in code | data],
        code=source_digests(code),
    )


@contextlib.contextmanager
def script(asked: Any, stage: str = "") -> Iterator[None]:
    """What surrounds every script of the workflow: its log, see `logged`, and time stamps.

    ``asked`` is the object ``snakemake`` of the script.
    """
    import_compiler_late()
    with logged(asked.log[0], stage=stage):
        inputs = [Path(path) for path in asked.input]
        require_past(inputs)
        yield
        settle(inputs)


@contextlib.contextmanager
def logged(log: str | Path, *, stage: str = "", echo_errors: bool = True) -> Iterator[None]:
    """Send standard output and error to ``log``; a fault of the user ends in one clear message.

    On a terminal standard error stays on the terminal, for the progress bar; not where `VIEWED` is
    set, nor is the message printed there, because a view has the terminal. An `FD2Error`, a lack
    of memory (``stage`` says what to lower) and a full disk are printed without a traceback, in the
    log and, with ``echo_errors``, on standard error, and end the process with 1; a stop by a signal
    ends it with 128 plus the signal's number.
    """
    path = Path(log)
    terminal = sys.stderr
    viewed = VIEWED in os.environ
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _closing(path.open("w", buffering=1, encoding="utf-8")) as stream:
            error_stream = terminal if terminal.isatty() and not viewed else stream
            with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(error_stream):
                try:
                    yield
                except BaseException as error:
                    _note(error, _fault(error, stage, path), stream)
                    raise
    except BaseException as error:
        fault = _fault(error, stage, path)
        if fault is None:
            raise
        if echo_errors and not viewed:
            # The terminal may be gone, and need not know every letter.
            with contextlib.suppress(OSError, UnicodeError):
                print(f"error: {fault}", file=terminal, flush=True)
        raise SystemExit(fault.exit_code) from error


@contextlib.contextmanager
def _closing(stream: TextIO) -> Iterator[TextIO]:
    try:
        yield stream
    finally:
        # On a full disk closing fails once more, which must not hide the first error.
        with contextlib.suppress(OSError):
            stream.close()


def _note(error: BaseException, fault: FD2Error | None, stream: TextIO) -> None:
    with contextlib.suppress(OSError):
        if fault is None:
            traceback.print_exception(error, file=stream)
        else:
            print(f"error: {fault}", file=stream)


def _fault(error: BaseException, stage: str, log: Path) -> FD2Error | None:
    """The error that a user is shown instead of a traceback; None where there is no known fix."""
    if isinstance(error, FD2Error):
        return error
    if isinstance(error, KeyboardInterrupt):
        # Ctrl-C before the stage watches for signals, or a second one.
        return StoppedError(signal.SIGINT, str(log))
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return cannot_write(error.filename or log, error)
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return system_fault(error)
    return out_of_memory(error, stage)
