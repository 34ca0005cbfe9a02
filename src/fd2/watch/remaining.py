"""How long a run still takes: from what its jobs took so far, and before that from the plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from fd2.config.stages import BY_NAME
from fd2.planning.datasets import DatasetSize, planned_size
from fd2.planning.forecast import DEFAULT_NAME, JobForecast, forecast, job_work, read_plan
from fd2.planning.jobs import RuleJob
from fd2.planning.measurements import Measurement, read_measurements
from fd2.planning.project import Project
from fd2.planning.schedule import Machine, Task, makespan
from fd2.planning.workloads import Workload
from fd2.watch.jobs import WatchedJob


@dataclass(frozen=True)
class Remaining:
    """What is still to come.

    Attributes:
        seconds: of jobs whose time is known; None where none is.
        all_known: whether these are all jobs of the chain.
    """

    seconds: float | None
    all_known: bool


class Forecaster:
    """Learns from the jobs of a run how long the others take.

    A job takes as long as those of the same kind did in this run, by their work; where none ended
    yet, as long as measured jobs did earlier, and then as long as a saved plan says. Tables,
    figures and pages, of which nothing is known before, count as no time.

    Args:
        project: the workflow.
        jobs: of the run.
        machine: what they share.
    """

    def __init__(self, project: Project, jobs: Sequence[WatchedJob], machine: Machine) -> None:
        self._project = project
        self._jobs = {job.number: job for job in jobs}
        self._machine = machine
        self._sizes: dict[str, DatasetSize | None] = {}
        self._work: dict[RuleJob, Workload | None] = {}
        self._by_kind: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._by_rule: dict[str, list[float]] = defaultdict(list)

    @cached_property
    def _measured(self) -> list[Measurement]:
        return read_measurements(self._project)

    @cached_property
    def _planned(self) -> Mapping[tuple[str, str], JobForecast]:
        path = self._project.path("benchmarks", DEFAULT_NAME)
        return read_plan(path) if path.is_file() else {}

    def ended(self, number: int, seconds: float) -> None:
        """Note what a job took.

        Raises:
            FD2Error: as `planned_size`.
        """
        job = self._jobs[number]
        self._by_rule[job.rule].append(seconds)
        works = [work for one in job.made if (work := self._work_of(one)) is not None]
        for work in works:
            sums = self._by_kind[work.stage, work.kind]
            sums[0] += seconds / len(works)
            sums[1] += work.units
        if job.rule == "prepare":
            # What could not be counted before can be now.
            self._sizes.clear()
            self._work.clear()

    def remaining(self, ended: set[int], running: Mapping[int, float]) -> Remaining:
        """What is still to come.

        Args:
            ended: jobs that need no more time.
            running: seconds since their start, by job.

        Raises:
            FD2Error: if a saved plan or a record of earlier runs is damaged; as `planned_size`.
        """
        left = [job for job in self._jobs.values() if job.number not in ended]
        seconds = {job.number: self._seconds(job) for job in left}
        if not any(known for known in seconds.values()):
            return Remaining(None, all_known=False)
        tasks = [
            Task(
                job.number,
                max((seconds[job.number] or 0) - running.get(job.number, 0), 0),
                job.threads,
                job.gpu,
                job.after,
            )
            for job in left
        ]
        unknown = any(seconds[job.number] is None and job.rule in BY_NAME for job in left)
        return Remaining(makespan(tasks, self._machine, running), not unknown)

    def _seconds(self, job: WatchedJob) -> float | None:
        found = [self._seconds_of(job, one) for one in job.made]
        known = [seconds for seconds in found if seconds is not None]
        if len(known) == len(found):
            return sum(known)
        took = self._by_rule[job.rule]
        return sum(took) / len(took) if took else None

    def _seconds_of(self, job: WatchedJob, one: RuleJob) -> float | None:
        work = self._work_of(one)
        if work is not None and (sums := self._by_kind.get((work.stage, work.kind))):
            return sums[0] / sums[1] * work.units
        described = JobForecast(one, job.gpu, self._threads(job), {}, True, work)
        (earlier,) = forecast([described], self._measured, "measured")
        if earlier.seconds is None and (planned := self._planned.get((one.rule, one.name))):
            return planned.seconds
        return earlier.seconds

    def _threads(self, job: WatchedJob) -> int:
        """Those that it computes with, of which ``--cores`` takes none away."""
        stage = BY_NAME.get(job.rule)
        key = stage.threads or stage.name if stage else job.rule
        return int(self._project.settings.values["threads"].get(key, job.threads))

    def _work_of(self, one: RuleJob) -> Workload | None:
        if one not in self._work:
            size = self._size_of(one.dataset) if one.dataset else None
            work = None if size is None else job_work(self._project, one, size)
            self._work[one] = work if work is not None and work.units > 0 else None
        return self._work[one]

    def _size_of(self, dataset: str) -> DatasetSize | None:
        if dataset not in self._sizes:
            self._sizes[dataset] = planned_size(self._project, dataset)
        return self._sizes[dataset]
