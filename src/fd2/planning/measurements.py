"""What jobs took: read from the records that stages write and from Snakemake's benchmarks."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fd2.artifacts.files import read_json
from fd2.errors import FD2Error
from fd2.planning.datasets import DatasetSize, prepared_size
from fd2.planning.jobs import Job
from fd2.planning.project import Project
from fd2.planning.stage_settings import label_teachers, set_size
from fd2.planning.workloads import Workload, workload

#: Folders below the results folder that hold records.
RECORDED = ("data", "teachers", "patches", "distilled", "labels", "students", "diagnostics")
_MEBIBYTE = 2**20


@dataclass(frozen=True)
class Used:
    """What one job took.

    Attributes:
        seconds: wall clock of the whole job where there is a benchmark, otherwise of its stage.
        memory_mb: peak resident memory, in MiB.
        gpu_memory_mb: peak memory allocated on the GPU, in MiB; None on a CPU.
        device: ``cpu`` or ``cuda``.
        device_name: the hardware's own name.
        threads: of the CPU.
    """

    seconds: float
    memory_mb: float
    gpu_memory_mb: float | None
    device: str
    device_name: str
    threads: int


@dataclass(frozen=True)
class Measurement:
    """A job's work and what it took; ``fixed_seconds`` do not grow with the work."""

    work: Workload
    used: Used
    fixed_seconds: float = 0.0

    @property
    def seconds_per_unit(self) -> float:
        """Seconds per unit of work."""
        return (self.used.seconds - self.fixed_seconds) / self.work.units

    def memory_of(self, work: Workload) -> float:
        """Peak resident memory in MiB of another job of this kind."""
        return self.used.memory_mb + self._more(work, self.used.device == "cpu")

    def gpu_memory_of(self, work: Workload) -> float | None:
        """Peak GPU memory in MiB of another job of this kind; None on a CPU."""
        if self.used.gpu_memory_mb is None:
            return None
        return self.used.gpu_memory_mb + self._more(work, True)

    def _more(self, work: Workload, counts: bool) -> float:
        """MiB that the data of another job take beyond those of this one."""
        return max(work.resident - self.work.resident, 0) / _MEBIBYTE if counts else 0.0


def read_measurements(project: Project) -> list[Measurement]:
    """Every finished job whose work can be told, from its record and its benchmark.

    A record counts only with the data that lies here: another manifest has other sizes.

    Raises:
        FD2Error: if a record is damaged.
    """
    found = []
    sizes: dict[str, DatasetSize | None] = {}
    for job, record in records(project):
        dataset = job.parts[0]
        if dataset not in sizes:
            sizes[dataset] = prepared_size(project, dataset)
        size, used = sizes[dataset], used_by(project, job)
        if size is None or used is None or size.manifest != record["manifest"]:
            continue
        work = _recorded_work(project, job, record, size)
        if work is not None and work.units > 0:
            found.append(Measurement(work, used))
    return found


def records(project: Project) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Records below the results folder, with the jobs that wrote them."""
    results = project.path("results")
    for folder in RECORDED:
        for path in sorted((results / folder).rglob("*.json")):
            if any(part.startswith(".") for part in path.relative_to(results).parts):
                continue
            content = read_json(path)
            if isinstance(content, dict) and {"stage", "run", "settings"} <= content.keys():
                whole = path.parent if path.name == "record.json" else path.with_suffix("")
                name = str(whole.relative_to(results))
                yield Job(content["stage"], name, (str(path),), False), content


def used_by(project: Project, job: Job) -> Used | None:
    """What a job took; None without a record.

    The benchmark has the whole process, so its time and memory are taken where it is there.
    """
    for name in (f"{job.name}.json", f"{job.name}/record.json"):
        path = project.path("results", name)
        if path.is_file():
            run = read_json(path).get("run")
            break
    else:
        return None
    if run is None:
        return None
    seconds, memory = run["seconds"], run["peak_memory_mb"]["resident"]
    measured = read_benchmark(project.path("benchmarks", f"{job.name}.tsv"))
    if measured is not None:
        seconds, memory = max(seconds, measured[0]), max(memory, measured[1])
    return Used(
        seconds,
        memory,
        run["peak_memory_mb"].get("gpu"),
        run["device"].split(":")[0],
        run["device_name"],
        run["threads"],
    )


def read_benchmark(path: Path) -> tuple[float, float] | None:
    """Seconds and peak resident memory in MiB of a benchmark file; None if there is none.

    Raises:
        FD2Error: if it is not one of Snakemake's.
    """
    if not path.is_file():
        return None
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    try:
        # A job that ends before Snakemake looks at it first has no memory: "-" or "NA".
        memory = [float(row["max_rss"]) for row in rows if row["max_rss"][:1].isdigit()]
        return float(rows[-1]["s"]), max(memory, default=0.0)
    except (KeyError, IndexError, ValueError) as error:
        raise FD2Error(f"not a benchmark: {error}", str(path), "delete the file") from error


def _recorded_work(
    project: Project, job: Job, record: Mapping[str, Any], size: DatasetSize
) -> Workload | None:
    settings = record["settings"]
    count = set_size(job)
    try:
        # The record of soft labels holds their teachers' digests; the config has the names.
        teachers = label_teachers(project.settings, job)
        return workload(job.rule, settings, size, count, teachers)
    except (KeyError, FD2Error):
        # Made under settings that the present config and code no longer know.
        return None
