"""How long a planned run takes on this machine, and what its test images can tell."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fd2.config.stages import BY_NAME
from fd2.config.yaml_reader import read_yaml
from fd2.image_counts import visible_difference
from fd2.planning.datasets import planned_size
from fd2.planning.dependencies import key_of, predecessors
from fd2.planning.forecast import JobForecast
from fd2.planning.project import Project
from fd2.planning.schedule import Machine, Task, makespan
from fd2.runtime.threads import usable_cores

#: What a plain call of Snakemake in the workflow's folder reads.
PROFILE = Path("profiles", "default", "profile.yaml")


@dataclass(frozen=True)
class WallTime:
    """From the start of a run to its end.

    Attributes:
        seconds: of jobs whose time is known; None where none is.
        unknown: jobs of the chain whose time is not; tables, figures and pages are short.
        machine: on which.
        gpu: whether a job holds a GPU.
    """

    seconds: float | None
    unknown: int
    machine: Machine
    gpu: bool


@dataclass(frozen=True)
class Told:
    """What a dataset's test images can tell.

    Attributes:
        dataset: its name.
        images: their number.
        points: differences of two rows' accuracies below this, in points of percent, are lost in
            chance; see `visible_difference`.
    """

    dataset: str
    images: int
    points: float


def at_hand(project: Project, options: Sequence[str]) -> Machine:
    """The cores and shares of GPUs that Snakemake would use on this machine.

    Args:
        project: the workflow.
        options: of Snakemake; ``--cores N`` and ``--resources gpu=N`` count. Without them these are
            all cores that may be used, and the shares of the default profile, or one.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--cores", "-c")
    parser.add_argument("--resources", "--res", nargs="+", default=[])
    given = parser.parse_known_args(list(options))[0]
    cores = int(given.cores) if str(given.cores).isdecimal() else usable_cores()
    shares = _gpu_shares(given.resources)
    if shares is None:
        path = project.folder / PROFILE
        resources = read_yaml(path).get("resources", []) if path.is_file() else []
        shares = _gpu_shares(resources if isinstance(resources, list) else [])
    return Machine(max(cores, 1), shares or 1)


def _gpu_shares(resources: Sequence[object]) -> int | None:
    found = (re.fullmatch("gpu=([0-9]+)", str(word)) for word in resources)
    return next((int(match[1]) for match in found if match), None)


def wall_time(project: Project, forecasts: Sequence[JobForecast], machine: Machine) -> WallTime:
    """Schedule the pending jobs; those of unknown time count as no time."""
    pending = [one for one in forecasts if one.job.pending]
    before = predecessors(project, [one.job for one in pending])
    tasks = [
        Task(key_of(one.job), one.seconds or 0, one.threads, one.gpu, before[key_of(one.job)])
        for one in pending
    ]
    known = any(one.seconds is not None for one in pending)
    return WallTime(
        makespan(tasks, machine) if known else None,
        sum(one.seconds is None and one.job.rule in BY_NAME for one in pending),
        machine,
        any(one.gpu for one in pending),
    )


def told_by_test_images(project: Project, forecasts: Sequence[JobForecast]) -> list[Told]:
    """Of each dataset with students, as far as its test images are there to be counted.

    Raises:
        FD2Error: as `planned_size`.
    """
    datasets = dict.fromkeys(
        one.job.dataset for one in forecasts if one.job.rule == "evaluate" and one.job.dataset
    )
    sizes = {dataset: planned_size(project, dataset) for dataset in datasets}
    return [
        Told(dataset, size.test, visible_difference(size.test_per_class))
        for dataset, size in sizes.items()
        if size is not None and size.test_per_class and min(size.test_per_class) > 0
    ]
