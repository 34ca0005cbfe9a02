"""Starts the contenders of a group, lets them take turns, and collects their times."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from benchmarks.contenders import Contender, Sizes
from fd2.errors import FD2Error

#: What a worker tells of its repetition, in the order of `Measurement`.
_COUNTED = ("units", "flops", "bytes", "operators", "difference")
ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Measurement:
    """What one contender took.

    Attributes:
        contender: which.
        units: iterations, images or steps of one repetition.
        flops: floating-point operations of one repetition.
        moved: bytes that its convolutions and matrix products must read and write.
        operators: shares of its time in the operators that take most.
        difference: of a trajectory, see `benchmarks.matching.gradient_difference`; else None.
        seconds: of every repetition.
        peak_memory_mb: of the process, MiB.
    """

    contender: Contender
    units: int
    flops: int
    moved: int
    operators: dict[str, float]
    difference: float | None = None
    seconds: list[float] = field(default_factory=list)
    peak_memory_mb: dict[str, float] = field(default_factory=dict)


def measure_group(
    group: Sequence[Contender], sizes: Sizes, threads: int, device: str
) -> list[Measurement]:
    """Alternating repetitions: a disturbance of the machine meets all contenders alike.

    Args:
        group: contenders of one group.
        sizes: of the problems.
        threads: of each process; only one works at a time.
        device: ``cpu`` or ``cuda``.

    Raises:
        FD2Error: if a contender fails; shows the end of what it printed.
    """
    workers = [_Worker(contender, sizes, threads, device) for contender in group]
    try:
        measurements = [worker.ready() for worker in workers]
        for _ in range(sizes.repetitions):
            for worker, measurement in zip(workers, measurements, strict=True):
                measurement.seconds.append(worker.repeat())
        for worker, measurement in zip(workers, measurements, strict=True):
            measurement.peak_memory_mb = worker.finish()
    finally:
        for worker in workers:
            worker.stop()
    return measurements


class _Worker:
    """A process that runs one repetition for each line it gets."""

    def __init__(self, contender: Contender, sizes: Sizes, threads: int, device: str) -> None:
        self.contender = contender
        case = {**asdict(contender), **asdict(sizes), "threads": threads, "device": device}
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", json.dumps(case)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
            cwd=ROOT,
        )

    def ready(self) -> Measurement:
        """Wait until it has built and warmed up its repetition."""
        answer = self._answer()
        counted = (answer[name] for name in _COUNTED)
        return Measurement(self.contender, *counted)

    def repeat(self) -> float:
        """Seconds of one repetition."""
        stream = _stream(self._process.stdin)
        stream.write("\n")
        stream.flush()
        return float(self._answer()["seconds"])

    def finish(self) -> dict[str, float]:
        """Peak memory of the process."""
        _stream(self._process.stdin).close()
        peak: dict[str, float] = self._answer()["peak_memory_mb"]
        self._process.wait()
        return peak

    def stop(self) -> None:
        """End the process if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        line = _stream(self._process.stdout).readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            raise FD2Error(
                f"a contender ended with {self._process.returncode}",
                f"{self.contender.group}: {self.contender.label}\n{self._errors.read()[-2000:]}",
                "needs about 16 GB of memory at full size; try --quick",
            )
        answer: dict[str, Any] = json.loads(line)
        return answer


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
