"""A plan kept on disk, so that it can be set beside what was used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fd2.artifacts.files import read_json, write_json
from fd2.errors import FD2Error
from fd2.planning.forecast import JobForecast
from fd2.planning.project import Project

FORMAT = 1
#: Below the benchmarks folder.
DEFAULT_NAME = "plans/plan.json"


@dataclass(frozen=True)
class PlannedJob:
    """What was forecast of one job; None where nothing was known.

    Attributes:
        rule, name: which job.
        gpu, threads: what it was to hold.
        seconds, memory_mb, gpu_memory_mb: time and peak memory.
        bytes: of its arrays and tensors.
    """

    rule: str
    name: str
    gpu: bool
    threads: int
    seconds: float | None
    memory_mb: float | None
    gpu_memory_mb: float | None
    bytes: int


def save_plan(path: Path, project: Project, forecasts: Sequence[JobForecast]) -> None:
    """Write the pending jobs of a plan."""
    jobs = [
        {
            **{"rule": one.job.rule, "name": one.job.name, "gpu": one.gpu},
            **{"threads": one.threads, "seconds": one.seconds, "memory_mb": one.memory_mb},
            "gpu_memory_mb": one.gpu_memory_mb,
            "bytes": sum(size or 0 for size in one.sizes.values()),
        }
        for one in forecasts
        if one.job.pending
    ]
    content = {"format": FORMAT, "config": project.settings.source, "jobs": jobs}
    write_json(path, content)


def read_plan(path: Path) -> dict[tuple[str, str], PlannedJob]:
    """The jobs of a saved plan, by rule and name.

    Raises:
        FD2Error: if there is none, or it is not one of this version.
    """
    if not path.is_file():
        raise FD2Error("no saved plan", str(path), "make one before the run: fd2 plan --save")
    content: Any = read_json(path)
    try:
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}")
        jobs = [PlannedJob(**job) for job in content["jobs"]]
    except (KeyError, TypeError, ValueError) as error:
        raise FD2Error(f"not a saved plan: {error}", str(path), "fd2 plan --save") from error
    return {(job.rule, job.name): job for job in jobs}
