"""Jobs summed up by stage: as planned, and as used beside the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fd2.config.stages import BY_NAME
from fd2.planning.forecast import JobForecast
from fd2.planning.measurements import Used, used_by
from fd2.planning.project import Project
from fd2.runtime.threads import usable_cores

_HOUR = 3600


@dataclass(frozen=True)
class StageForecast:
    """All pending jobs of one rule.

    Attributes:
        rule: its name.
        jobs: that would run.
        done: that are there already.
        unknown: pending jobs of unknown time.
        gpu_hours, core_hours: of the jobs that are known; hours times CPU threads on a CPU.
            None where none is.
        memory_mb, gpu_memory_mb: highest peak of a job.
        bytes: of arrays and tensors.
        unsized: pending jobs whose bytes wait for a download.
        files: that are written.
        basis: ``measured``, ``probed``, both, or nothing.
        devices: where it was measured or probed.
    """

    rule: str
    jobs: int
    done: int
    unknown: int
    gpu_hours: float | None
    core_hours: float | None
    memory_mb: float | None
    gpu_memory_mb: float | None
    bytes: int
    unsized: int
    files: int
    basis: tuple[str, ...]
    devices: tuple[str, ...]


@dataclass(frozen=True)
class Compared:
    """A planned and an actual figure of the same jobs, and actual over planned; None if unknown."""

    planned: float | None
    actual: float | None
    ratio: float | None


@dataclass(frozen=True)
class StageCost:
    """One rule's jobs that have run.

    Attributes:
        rule: its name.
        jobs: whose files are there.
        missing: whose files are not there yet.
        unplanned: of ``jobs``, those that the saved plan does not hold.
        gpu_hours, core_hours: sums; planned and actual over jobs that have both, or over all that
            have run where there is no plan.
        memory_mb: highest peak.
        bytes: of arrays and tensors.
    """

    rule: str
    jobs: int
    missing: int
    unplanned: int
    gpu_hours: Compared
    core_hours: Compared
    memory_mb: Compared
    bytes: Compared


def by_stage(forecasts: Sequence[JobForecast]) -> list[StageForecast]:
    """Sums of each rule, in the order of the chain."""
    return [_stage(rule, jobs) for rule, jobs in _by_rule(forecasts).items()]


def costs(
    project: Project,
    described: Sequence[JobForecast],
    planned: Mapping[tuple[str, str], JobForecast],
) -> list[StageCost]:
    """What the finished jobs took, by rule in the order of the chain.

    Args:
        project: the workflow.
        described: the jobs that are asked about.
        planned: a saved plan; empty if there is none.
    """
    rules = _by_rule(described).items()
    return [_cost(project, rule, jobs, planned) for rule, jobs in rules]


def _by_rule(forecasts: Sequence[JobForecast]) -> dict[str, list[JobForecast]]:
    """Jobs by rule: those of the chain in its order, then the others by name."""
    found = {one.job.rule for one in forecasts}
    rules = [rule for rule in BY_NAME if rule in found] + sorted(found.difference(BY_NAME))
    return {rule: [one for one in forecasts if one.job.rule == rule] for rule in rules}


def _stage(rule: str, every: Sequence[JobForecast]) -> StageForecast:
    pending = [one for one in every if one.job.pending]
    known = [one for one in pending if one.seconds is not None]
    gpu_memory = (one.gpu_memory_mb for one in known if one.gpu_memory_mb is not None)
    return StageForecast(
        rule=rule,
        jobs=len(pending),
        done=len(every) - len(pending),
        unknown=len(pending) - len(known),
        gpu_hours=_hours(known, gpu=True),
        core_hours=_hours(known, gpu=False),
        memory_mb=_peak(known),
        gpu_memory_mb=max(gpu_memory, default=None),
        bytes=sum(one.bytes for one in pending),
        unsized=sum(not one.sized for one in pending),
        files=sum(len(one.sizes) for one in pending),
        basis=tuple(sorted({one.basis for one in known if one.basis})),
        devices=tuple(sorted({one.device_name for one in known if one.device_name})),
    )


def _cost(
    project: Project,
    rule: str,
    every: Sequence[JobForecast],
    planned: Mapping[tuple[str, str], JobForecast],
) -> StageCost:
    done = [one for one in every if all((project.folder / p).exists() for p in one.job.outputs)]
    known = [one for one in done if (rule, one.job.name) in planned]
    # Against a plan, only what it holds can be compared.
    counted = known if planned else done
    plans = [planned[rule, one.job.name] for one in known]
    used = [took for one in counted if (took := used_by(project, one.job)) is not None]
    written = sum(_written(project, one) for one in counted)
    return StageCost(
        rule=rule,
        jobs=len(done),
        missing=len(every) - len(done),
        unplanned=len(done) - len(known) if planned else 0,
        gpu_hours=_compared(_hours(plans, gpu=True), _hours(used, gpu=True)),
        core_hours=_compared(_hours(plans, gpu=False), _hours(used, gpu=False)),
        memory_mb=_compared(_peak(plans), _peak(used)),
        bytes=_compared(sum(one.bytes for one in plans) if plans else None, written),
    )


def _compared(planned: float | None, actual: float | None) -> Compared:
    return Compared(planned, actual, actual / planned if planned and actual is not None else None)


def _hours(jobs: Sequence[JobForecast | Used], *, gpu: bool) -> float | None:
    """Hours of GPUs or of cores; None where no job holds one or a job's time is not known."""
    # Snakemake gives a job no more cores than there are.
    cores = usable_cores()
    holding = [job for job in jobs if job.gpu == gpu]
    hours = [
        job.seconds * (1 if gpu else min(job.threads, cores)) / _HOUR
        for job in holding
        if job.seconds is not None
    ]
    return sum(hours) if hours and len(hours) == len(holding) else None


def _peak(jobs: Sequence[JobForecast | Used]) -> float | None:
    return max((job.memory_mb for job in jobs if job.memory_mb is not None), default=None)


def _written(project: Project, one: JobForecast) -> int:
    """Bytes on disk of the files whose size a plan tells."""
    return sum(
        (project.folder / path).stat().st_size
        for path, size in one.sizes.items()
        if size is not None and one.job.rule != "download"
    )
