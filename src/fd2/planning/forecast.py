"""Time, memory and disk of each job of a plan, and where each figure comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Literal

from fd2.artifacts.files import read_json, write_json
from fd2.config.settings import build
from fd2.config.stages import BY_NAME
from fd2.errors import FD2Error
from fd2.planning.datasets import DatasetSize, planned_size
from fd2.planning.jobs import RuleJob
from fd2.planning.measurements import Measurement
from fd2.planning.outputs import output_bytes
from fd2.planning.project import Project
from fd2.planning.stage_settings import label_teachers, settings_of, teachers_of
from fd2.planning.workloads import Workload, workload
from fd2.runtime.device import planned_device

Basis = Literal["measured", "probed"]
#: Of saved plans.
FORMAT = 2
#: Below the benchmarks folder.
DEFAULT_NAME = "plans/plan.json"


@dataclass(frozen=True)
class JobForecast:
    """One job and what it will take.

    Attributes:
        job: the job.
        gpu: whether it holds a GPU.
        threads: of the CPU that it computes with.
        sizes: bytes by output file; None where the content decides.
        sized: False where they wait for a dataset that is yet to be downloaded.
        work: None where it is not known.
        seconds, memory_mb, gpu_memory_mb: None where nothing is known.
        basis: where time and memory come from.
        device_name: where they were measured.
    """

    job: RuleJob
    gpu: bool
    threads: int
    sizes: dict[str, int | None]
    sized: bool
    work: Workload | None
    seconds: float | None = None
    memory_mb: float | None = None
    gpu_memory_mb: float | None = None
    basis: Basis | None = None
    device_name: str | None = None

    @property
    def bytes(self) -> int:
        """Of the outputs whose size is known."""
        return sum(size or 0 for size in self.sizes.values())


def describe(project: Project, jobs: Iterable[RuleJob]) -> list[JobForecast]:
    """Jobs with sizes and work, before anything is said of time and memory.

    Raises:
        FD2Error: if a dataset's source is faulty.
    """
    values = project.settings.values
    on_gpu = planned_device(values["device"]) == "cuda"
    size_of = cache(partial(planned_size, project))
    described = []
    for job in jobs:
        size = size_of(job.dataset) if job.dataset else None
        described.append(
            JobForecast(
                job,
                gpu=on_gpu and _computes(project, job),
                threads=_threads(project, job),
                sizes=output_bytes(project, job, size),
                sized=job.dataset is None or size is not None,
                work=None if size is None else job_work(project, job, size),
            )
        )
    return described


def _computes(project: Project, job: RuleJob) -> bool:
    """Whether a job computes on the config's device; a selection does with a teacher alone."""
    if job.rule not in BY_NAME or not BY_NAME[job.rule].on_device:
        return False
    return job.rule != "select_images" or bool(teachers_of(project.settings, job))


def _threads(project: Project, job: RuleJob) -> int:
    if job.rule == "select_images" and not _computes(project, job):
        return 1
    stage = BY_NAME.get(job.rule)
    key = stage.threads or stage.name if stage else job.rule
    return int(project.settings.values["threads"].get(key, 1))


def job_work(project: Project, job: RuleJob, size: DatasetSize) -> Workload | None:
    """The work of a job under the present config; None where it is not known."""
    settings = settings_of(project.settings, job)
    if settings is None:
        return None
    return workload(job.rule, settings, size, job.ipc, label_teachers(project.settings, job))


def forecast(
    described: Sequence[JobForecast], measurements: Sequence[Measurement], basis: Basis
) -> list[JobForecast]:
    """Fill time and memory from measured jobs of the same kind, device and threads.

    Jobs that have a forecast already keep it.

    Args:
        described: the jobs.
        measurements: of finished jobs, or of a probe.
        basis: which of the two.
    """
    by_kind: dict[tuple[str, str], list[Measurement]] = {}
    for measurement in measurements:
        by_kind.setdefault((measurement.work.stage, measurement.work.kind), []).append(measurement)
    return [
        one if one.basis is not None or one.work is None else _filled(one, one.work, by_kind, basis)
        for one in described
    ]


def _filled(
    one: JobForecast,
    work: Workload,
    by_kind: dict[tuple[str, str], list[Measurement]],
    basis: Basis,
) -> JobForecast:
    fitting = [
        measurement
        for measurement in by_kind.get((work.stage, work.kind), [])
        if measurement.used.gpu == one.gpu and (one.gpu or measurement.used.threads == one.threads)
    ]
    if not fitting:
        return one
    # The latest hardware alone: an average over two kinds of machine fits neither.
    device_name = fitting[-1].used.device_name
    fitting = [found for found in fitting if found.used.device_name == device_name]
    units = sum(found.work.units for found in fitting)
    per_unit = sum(found.seconds_per_unit * found.work.units for found in fitting) / units
    fixed = sum(found.fixed_seconds for found in fitting) / len(fitting)
    gpu_memory = [peak for found in fitting if (peak := found.gpu_memory_of(work)) is not None]
    return replace(
        one,
        seconds=fixed + per_unit * work.units,
        memory_mb=max(found.memory_of(work) for found in fitting),
        gpu_memory_mb=max(gpu_memory, default=None),
        basis=basis,
        device_name=device_name,
    )


def save_plan(path: Path, project: Project, forecasts: Sequence[JobForecast]) -> None:
    """Write the pending jobs of a plan, without their work."""
    jobs = [asdict(replace(one, work=None)) for one in forecasts if one.job.pending]
    write_json(path, {"format": FORMAT, "config": project.settings.source, "jobs": jobs})


def read_plan(path: Path) -> dict[tuple[str, str], JobForecast]:
    """The jobs of a saved plan, by rule and name.

    Raises:
        FD2Error: if there is none, or it is not one of this version.
    """
    if not path.is_file():
        raise FD2Error("no saved plan", str(path), "make one before the run: fd2 plan --save")
    content = read_json(path)
    try:
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}")
        jobs = [build(JobForecast, job) for job in content["jobs"]]
    except (KeyError, TypeError, ValueError) as error:
        raise FD2Error(f"not a saved plan: {error}", str(path), "fd2 plan --save") from error
    return {(one.job.rule, one.job.name): one for one in jobs}
