"""``fd2 adopt``: results that were copied from elsewhere, verified and made current."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from fd2.artifacts.files import file_digest
from fd2.commands.plan import count
from fd2.config.stages import STAGES
from fd2.planning.jobs import RuleJob, read_jobs, snakemake
from fd2.planning.project import Project, open_project
from fd2.planning.stage_settings import inputs_of

HELP = "verify results that were copied from elsewhere, and make them current without computing"
EXAMPLE = "fd2 adopt results/tables/quickstart.md --configfile config/quickstart.yaml"
#: Rules whose files tell by digests what they are, inputs first.
_ORDER = [*(stage.name for stage in STAGES), "measure"]
#: Older than any input, so that Snakemake makes the file anew.
_LONG_AGO = 86400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("targets", nargs="*", help="as for snakemake; the default is all")
    parser.add_argument("--check", action="store_true", help="say what fits, and change nothing")


@dataclass
class Verdicts:
    """What is to become of the jobs that write records.

    Attributes:
        fit: verified from the data up.
        misfit: there, but not what would be made today, with the reasons.
        missing: not there, wholly or in part.
    """

    fit: list[RuleJob] = field(default_factory=list)
    misfit: dict[RuleJob, list[str]] = field(default_factory=dict)
    missing: list[RuleJob] = field(default_factory=list)


def run(arguments: argparse.Namespace, options: Sequence[str]) -> int:
    """Verify, stamp what fits, and write tables, figures and pages anew where all else is current.

    Returns:
        0, or 1 if something does not fit.

    Raises:
        FD2Error: if Snakemake refuses, or a file cannot be stamped.
    """
    project = open_project(Path.cwd(), arguments.configfile)
    jobs = read_jobs(project, arguments.targets, options)
    verdicts = judge(project, [job for job in jobs if job.rule in _ORDER])
    views = [job for job in jobs if job.rule not in _ORDER]
    if not arguments.check:
        _set_back(project, verdicts.misfit, options)
        _stamp(project, verdicts.fit, options)
        if not verdicts.misfit and not verdicts.missing:
            _write(project, views, arguments.targets, options)
    if arguments.json:
        reasons = {job.name: why for job, why in verdicts.misfit.items()}
        missing = [job.name for job in verdicts.missing]
        fit = [job.name for job in verdicts.fit]
        print(json.dumps({"fit": fit, "misfit": reasons, "missing": missing}, indent=1))
    else:
        print("\n".join(_lines(verdicts, views, checked=arguments.check)))
    return 1 if verdicts.misfit else 0


def judge(project: Project, jobs: Iterable[RuleJob]) -> Verdicts:
    """Verify jobs from the data up; what is made from a misfit is one, too."""
    # It imports torch, which the help does not need.
    from fd2.health.artefacts import misfits

    verdicts, digest = Verdicts(), cache(file_digest)
    settled: dict[str, bool] = {}
    for job in sorted(jobs, key=lambda job: _ORDER.index(job.rule)):
        there = all((project.folder / output).exists() for output in job.outputs)
        below = [path for path in _inputs(project, job) if not settled.get(path, True)]
        if not there:
            # What was unpacked is not needed once the data is prepared.
            if job.rule != "download":
                verdicts.missing.append(job)
        elif below:
            verdicts.misfit[job] = [f"made from {below[0]}, which is to be made"]
        elif why := misfits(project, job, digest):
            verdicts.misfit[job] = why
        else:
            verdicts.fit.append(job)
        for output in job.outputs:
            settled[output] = verdicts.fit[-1:] == [job]
    _part_seeds(project, verdicts)
    return verdicts


def _inputs(project: Project, job: RuleJob) -> list[str]:
    """Paths, as the workflow writes them, of what a job's record tells of."""
    if job.rule in ("download", "prepare"):
        return []
    names = [*inputs_of(project.settings, job).values()]
    if "dataset" in job.fields:
        names.append(f"data/{job.fields['dataset']}/manifest.json")
    return [f"{project.root('results')}/{name}" for name in names]


def _part_seeds(project: Project, verdicts: Verdicts) -> None:
    """Students that one job trains are made anew together."""
    values = project.settings.values
    seeds = [str(seed) for seed in values["seeds"]]
    if not values["seeds_together"] or len(seeds) < 2:
        return

    def row(job: RuleJob) -> str | None:
        together = job.rule == "evaluate" and job.fields["seed"] in seeds
        return str(Path(job.name).parent) if together else None

    open_rows = {row(job): job.name for job in (*verdicts.misfit, *verdicts.missing)}
    for job in list(verdicts.fit):
        if row(job) in open_rows and row(job) is not None:
            verdicts.fit.remove(job)
            verdicts.misfit[job] = [f"in one job with {open_rows[row(job)]}, which is to be made"]


def _set_back(project: Project, jobs: Iterable[RuleJob], options: Sequence[str]) -> None:
    """Have Snakemake make these jobs anew; their files stay as they are until then."""
    outputs = [output for job in jobs for output in job.outputs]
    for output in outputs:
        os.utime(project.folder / output, (_LONG_AGO, _LONG_AGO))
    if outputs and (project.folder / ".snakemake" / "metadata").is_dir():
        # It fails where some have none, which is as well.
        snakemake(project, outputs, ["--cleanup-metadata", *outputs, *options], check=False)


def _stamp(project: Project, jobs: Sequence[RuleJob], options: Sequence[str]) -> None:
    """Have Snakemake take note of these jobs as done now, in their order."""
    if jobs:
        words = ["--touch", "--forceall", "--keep-incomplete", "--cores", "1", "--quiet", "all"]
        snakemake(project, [job.outputs[0] for job in jobs], [*words, *options])


def _write(
    project: Project, views: Sequence[RuleJob], targets: Sequence[str], options: Sequence[str]
) -> None:
    """Make tables, figures and pages, which have no digests, from what was verified."""
    if views:
        force = ["--forcerun", *dict.fromkeys(job.rule for job in views)]
        snakemake(project, targets, [*force, "--cores", "1", "--quiet", "all", *options])


def _lines(verdicts: Verdicts, views: Sequence[RuleJob], *, checked: bool) -> Iterator[str]:
    stages = Counter(job.rule for job in verdicts.fit)
    for stage, number in stages.items():
        yield f"fits   {stage}: {count(number, 'job')}"
    for job, why in verdicts.misfit.items():
        yield f"NOT    {job.name}: {'; '.join(why)}"
    for job in verdicts.missing:
        yield f"absent {job.name}"
    yield ""
    again = len(verdicts.misfit) + len(verdicts.missing)
    if checked:
        yield f"{count(len(verdicts.fit), 'job')} can be adopted, {again} would be run"
    elif again:
        yield f"{count(len(verdicts.fit), 'job')} adopted, {again} will be run by snakemake"
    else:
        made = "; tables, figures and pages are written anew" if views else ""
        yield f"{count(len(verdicts.fit), 'job')} adopted{made}: nothing is left to compute"
