"""What jobs took: read from the records that stages write and from Snakemake's benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

from fd2.artifacts.benchmark_files import job_name, read_benchmark
from fd2.artifacts.records import Record, Run, read_record, read_records
from fd2.errors import FD2Error
from fd2.planning.datasets import DatasetSize, prepared_size
from fd2.planning.jobs import RuleJob
from fd2.planning.project import Project
from fd2.planning.stage_settings import label_teachers
from fd2.planning.workloads import Workload, workload

_MEBIBYTE = 2**20


@dataclass(frozen=True)
class Used:
    """What one job took.

    Attributes:
        seconds: wall clock of the whole job where there is a benchmark, otherwise of its stage.
        memory_mb: peak resident memory, in MiB.
        gpu_memory_mb: peak memory allocated on the GPU, in MiB; None on a CPU.
        gpu: whether it held one.
        device_name: the hardware's own name.
        threads: of the CPU.
    """

    seconds: float
    memory_mb: float
    gpu_memory_mb: float | None
    gpu: bool
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
        more = max(work.on_host - self.work.on_host, 0) / _MEBIBYTE
        return self.used.memory_mb + self._more(work, not self.used.gpu) + more

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
        FD2Error: if a record or a benchmark is damaged.
    """
    found = []
    size_of = cache(partial(prepared_size, project))
    results = project.path("results")
    for record in read_records(results):
        name = job_name(record.path, results)
        job = RuleJob(record.stage, name, (str(record.path),), False)
        # A file that somebody put there has no dataset: no job writes one of its name.
        size = size_of(job.dataset) if job.dataset else None
        if size is None or size.manifest != record.manifest:
            continue
        work = _recorded_work(project, job, record, size)
        if work is not None and work.units > 0:
            found.append(Measurement(work, _used(project, name, record.run)))
    return found


def used_by(project: Project, job: RuleJob) -> Used | None:
    """What a job took; None without a record.

    Raises:
        FD2Error: if its record or its benchmark is damaged.
    """
    for name in (f"{job.name}.json", f"{job.name}/record.json"):
        path = project.path("results", name)
        if path.is_file():
            return _used(project, job.name, read_record(path).run)
    return None


def _used(project: Project, name: str, run: Run) -> Used:
    """The benchmark has the whole process, so its time and memory count where they are there."""
    seconds, memory = run.seconds, run.peak_memory_mb["resident"]
    measured = read_benchmark(project.path("benchmarks", f"{name}.tsv"))
    if measured is not None:
        seconds, memory = max(seconds, measured.seconds), max(memory, measured.memory_mb or 0)
    return Used(
        seconds,
        memory,
        run.peak_memory_mb.get("gpu"),
        run.device.startswith("cuda"),
        run.device_name,
        run.threads,
    )


def _recorded_work(
    project: Project, job: RuleJob, record: Record, size: DatasetSize
) -> Workload | None:
    try:
        # The record of soft labels holds their teachers' digests; the config has the names.
        teachers = label_teachers(project.settings, job)
        return workload(job.rule, record.settings, size, job.ipc, teachers)
    except (KeyError, FD2Error):
        # Made under settings that the present config and code no longer know.
        return None
