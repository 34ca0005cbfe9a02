"""The jobs of a running workflow, as its Snakefile hands them over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from fd2.planning.jobs import RuleJob, job_name
from fd2.planning.project import Project

#: Rules of one job for several seeds' students.
_TOGETHER = "_seeds"


@dataclass(frozen=True)
class WatchedJob:
    """One job of Snakemake's.

    Attributes:
        number: its id in this run.
        rule: its rule, without what tells that it is of several seeds.
        outputs: paths as the workflow writes them.
        logs: likewise.
        threads: cores that it asks for.
        gpu: whether it holds a GPU.
        after: ids of the jobs that it waits for.
        made: what it makes: one job as in a plan, or each student of several seeds.
    """

    number: int
    rule: str
    outputs: tuple[str, ...]
    logs: tuple[str, ...]
    threads: int
    gpu: bool
    after: tuple[int, ...]
    made: tuple[RuleJob, ...]

    @cached_property
    def fields(self) -> dict[str, str]:
        """The names in its path by field, without the seed where there are several."""
        several = len(self.made) > 1
        return {k: v for k, v in self.made[0].fields.items() if not (several and k == "seed")}


def watched_job(
    project: Project,
    number: int,
    rule: str,
    outputs: Sequence[str],
    logs: Sequence[str],
    threads: int,
    *,
    gpu: bool,
    after: Sequence[int],
) -> WatchedJob:
    """A job with its names, from what Snakemake knows of it.

    Args:
        project: the workflow.
        number: its id in this run.
        rule: its name.
        outputs: at least one.
        logs: paths.
        threads: cores that it asks for.
        gpu: whether it holds a GPU.
        after: ids of the jobs that it waits for.
    """
    together = rule.endswith(_TOGETHER)
    plain = rule.removesuffix(_TOGETHER)
    groups = [(path,) for path in outputs] if together else [tuple(outputs)]
    made = tuple(RuleJob(plain, job_name(project, files[0]), files, True) for files in groups)
    return WatchedJob(number, plain, tuple(outputs), tuple(logs), threads, gpu, tuple(after), made)
