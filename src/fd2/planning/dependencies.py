"""Which planned jobs wait for which, from the config: Snakemake's summary does not tell."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePath

from fd2.artifacts.manifests import MANIFEST
from fd2.config.datasets import download_kind
from fd2.config.stages import BY_NAME
from fd2.planning.jobs import RuleJob
from fd2.planning.project import Project
from fd2.planning.stage_settings import inputs_of

#: A job by its rule and name.
Key = tuple[str, str]


def key_of(job: RuleJob) -> Key:
    """What tells a job from all others."""
    return job.rule, job.name


def predecessors(project: Project, jobs: Sequence[RuleJob]) -> dict[Key, tuple[Key, ...]]:
    """The jobs that each job waits for, as far as they are among these.

    Students of several seeds that one job trains follow one another. Tables, figures, pages and
    archives are taken to come after all else; they are short.
    """
    results = PurePath(project.root("results"))
    maker = {path: key_of(job) for job in jobs for path in job.outputs}
    chain = tuple(key_of(job) for job in jobs if job.rule in BY_NAME)
    before: dict[Key, tuple[Key, ...]] = {}
    for job in jobs:
        wanted = [str(results / path) for path in _inputs(project, job)]
        found = tuple({maker[path] for path in wanted if path in maker})
        before[key_of(job)] = found if job.rule in BY_NAME else chain
    downloads = {PurePath(job.name).name: key_of(job) for job in jobs if job.rule == "download"}
    for job in jobs:
        if job.rule == "prepare":
            kind = download_kind(project.settings.values, job.fields["dataset"])
            before[key_of(job)] = (downloads[kind],) if kind in downloads else ()
    for earlier, later in _one_by_one(project, jobs):
        before[key_of(later)] += (key_of(earlier),)
    return before


def _inputs(project: Project, job: RuleJob) -> list[str]:
    """Paths below the results folder."""
    manifest = [f"data/{job.dataset}/{MANIFEST}"] if job.dataset and job.rule != "prepare" else []
    return [*inputs_of(project.settings, job).values(), *manifest]


def _one_by_one(project: Project, jobs: Sequence[RuleJob]) -> list[tuple[RuleJob, RuleJob]]:
    """Neighbours among the students that one job trains."""
    values = project.settings.values
    seeds = {str(seed) for seed in values["seeds"]} if values["seeds_together"] else set()
    rows: dict[PurePath, list[RuleJob]] = {}
    for job in jobs:
        if job.rule == "evaluate" and job.pending and job.fields["seed"] in seeds:
            rows.setdefault(PurePath(job.name).parent, []).append(job)
    return [pair for row in rows.values() for pair in pairwise(row)]
