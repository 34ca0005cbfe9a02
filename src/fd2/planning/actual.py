"""What a run used, stage by stage, beside what was planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fd2.planning.forecast import JobForecast
from fd2.planning.measurements import used_by
from fd2.planning.project import Project
from fd2.planning.saved import PlannedJob
from fd2.planning.stages import rules_in_order

_HOUR = 3600


@dataclass(frozen=True)
class Compared:
    """A planned and an actual figure of the same jobs.

    Attributes:
        planned, actual: None where it is not known.
    """

    planned: float | None
    actual: float | None

    @property
    def ratio(self) -> float | None:
        """Actual over planned; None where either is not known or nothing was planned."""
        if self.planned is None or self.actual is None or self.planned == 0:
            return None
        return self.actual / self.planned

    def plain(self) -> dict[str, float | None]:
        """As JSON has it."""
        return {"planned": self.planned, "actual": self.actual, "ratio": self.ratio}


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

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        figures = ("gpu_hours", "core_hours", "memory_mb", "bytes")
        counts = ("rule", "jobs", "missing", "unplanned")
        return {name: getattr(self, name) for name in counts} | {
            name: getattr(self, name).plain() for name in figures
        }


def costs(
    project: Project,
    described: Sequence[JobForecast],
    planned: Mapping[tuple[str, str], PlannedJob],
) -> list[StageCost]:
    """What the finished jobs took, by rule in the order of the chain.

    Args:
        project: the workflow.
        described: the jobs that are asked about.
        planned: a saved plan; empty if there is none.
    """
    return [
        _stage(project, rule, [one for one in described if one.job.rule == rule], planned)
        for rule in rules_in_order(described)
    ]


def _stage(
    project: Project,
    rule: str,
    every: Sequence[JobForecast],
    planned: Mapping[tuple[str, str], PlannedJob],
) -> StageCost:
    made = [one for one in every if all((project.folder / p).exists() for p in one.job.outputs)]
    known = [one for one in made if (rule, one.job.name) in planned]
    # Against a plan, only what it holds can be compared.
    counted = known if planned else made
    plans = [planned[rule, one.job.name] for one in known]
    used = [(one, found) for one in counted if (found := used_by(project, one.job)) is not None]
    on_gpu = [found.seconds / _HOUR for _, found in used if found.device == "cuda"]
    on_cpu = [found.seconds * found.threads / _HOUR for _, found in used if found.device == "cpu"]
    return StageCost(
        rule=rule,
        jobs=len(made),
        missing=len(every) - len(made),
        unplanned=len(made) - len(known) if planned else 0,
        gpu_hours=Compared(_hours(plans, True), sum(on_gpu) if on_gpu else None),
        core_hours=Compared(_hours(plans, False), sum(on_cpu) if on_cpu else None),
        memory_mb=Compared(_peak(plans), max((u.memory_mb for _, u in used), default=None)),
        bytes=Compared(
            sum(job.bytes for job in plans) if plans else None,
            sum(_written(project, one) for one in counted),
        ),
    )


def _hours(plans: Sequence[PlannedJob], gpu: bool) -> float | None:
    """Planned hours, of GPUs or of cores; None unless every job's time was known."""
    chosen = [job for job in plans if job.gpu == gpu]
    seconds = [job.seconds for job in chosen if job.seconds is not None]
    if not seconds or len(seconds) < len(chosen):
        return None
    held = (1 if gpu else job.threads for job in chosen)
    return sum(second * count for second, count in zip(seconds, held, strict=True)) / _HOUR


def _peak(plans: Sequence[PlannedJob]) -> float | None:
    return max((job.memory_mb for job in plans if job.memory_mb is not None), default=None)


def _written(project: Project, one: JobForecast) -> int:
    """Bytes on disk of the files whose size a plan tells."""
    return sum(
        (project.folder / path).stat().st_size
        for path, size in one.sizes.items()
        if size is not None and one.job.rule != "download"
    )
