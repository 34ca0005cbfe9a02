"""Times of a stage's short runs for a probe. Runs in a process of its own."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from fd2.planning.measurements import Used
from fd2.planning.probe_trials import TRIALS, ProbeTask
from fd2.planning.workloads import Workload
from fd2.runtime.device import device_name
from fd2.runtime.job import Job, StateSettings, start_job
from fd2.runtime.memory import peak_memory_mb

#: Steps of the shorter run; a GPU's are too short to be told apart otherwise.
STEPS = {"cpu": 1, "cuda": 4}
#: The longer run has three times the steps of the one before, until it takes so many seconds more
#: that noise does not matter, or has that many steps; twice where the shorter one took twice that.
ENOUGH_SECONDS = 1.0
MOST_STEPS = 200


@dataclass(frozen=True)
class Timed:
    """Times of a shorter and a longer run.

    Attributes:
        short_seconds, short_units: of the shorter.
        work, used: of the longer.
    """

    short_seconds: float
    short_units: float
    work: Workload
    used: Used


def timed(task: ProbeTask) -> Timed:
    """Run the steps and time them.

    Raises:
        FD2Error: if the device is not there, or the stage refuses.
    """
    with (
        open(os.devnull, "w", encoding="utf-8") as nothing,
        contextlib.redirect_stdout(nothing),
    ):
        job = start_job(task.device, task.threads)
        steps = STEPS[job.device.type]
        # The first run pays for what is built once: kernels, allocator, caches.
        _seconds(task, steps, job)
        short_seconds, short = _seconds(task, steps, job)
        seconds, work = short_seconds, short
        while seconds - short_seconds < ENOUGH_SECONDS and steps < MOST_STEPS:
            first = steps == STEPS[job.device.type]
            steps *= 2 if first and short_seconds > 2 * ENOUGH_SECONDS else 3
            longer = _seconds(task, steps, job)
            if longer[1].units == work.units:
                # There are no more images to prepare.
                break
            seconds, work = longer
    peak, name = peak_memory_mb(job.device), device_name(job.device)
    gpu = job.device.type == "cuda"
    used = Used(seconds, peak["resident"], peak.get("gpu"), gpu, name, task.threads)
    return Timed(short_seconds, short.units, work, used)


def _seconds(task: ProbeTask, steps: int, job: Job) -> tuple[float, Workload]:
    with tempfile.TemporaryDirectory(prefix="fd2-probe-") as folder:
        apart = replace(job, state=StateSettings(Path(folder) / "state"))
        work, call = TRIALS[task.stage](task, Path(folder), steps, apart)
        begun = time.monotonic()
        call()
        return time.monotonic() - begun, work
