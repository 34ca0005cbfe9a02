"""``fd2 cost``: what a run took, beside the plan."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from fd2.commands.plan import columns, hours, megabytes
from fd2.planning.disk import amount
from fd2.planning.forecast import DEFAULT_NAME, describe, read_plan
from fd2.planning.jobs import read_jobs
from fd2.planning.project import open_project
from fd2.planning.stages import Compared, StageCost, costs

HELP = "what a run took, beside the saved plan"
EXAMPLE = "fd2 cost --configfile config/quickstart.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("targets", nargs="*", help="as for snakemake; the default is all")
    parser.add_argument(
        "--plan",
        metavar="FILE",
        help=f"a plan of fd2 plan --save; the default is benchmarks/{DEFAULT_NAME} if it is there",
    )


def run(arguments: argparse.Namespace, options: Sequence[str]) -> int:
    """Print actual figures by stage, each with its ratio to the plan.

    Raises:
        FD2Error: if Snakemake refuses, or a named plan is not there.
    """
    project = open_project(Path.cwd(), arguments.configfile)
    default = project.path("benchmarks", DEFAULT_NAME)
    path = Path(arguments.plan) if arguments.plan else default
    planned = read_plan(path) if arguments.plan or default.is_file() else {}
    jobs = read_jobs(project, arguments.targets, options)
    found = costs(project, describe(project, jobs), planned)
    if arguments.json:
        plan = str(path) if planned else None
        print(json.dumps({"plan": plan, "stages": [asdict(cost) for cost in found]}, indent=1))
    else:
        print(_text(found, str(path) if planned else None))
    return 0


def _text(found: Sequence[StageCost], plan: str | None) -> str:
    rows = [["stage", "jobs", "time", "memory", "disk"]]
    rows += [
        [
            cost.rule,
            str(cost.jobs) + (f" ({cost.missing} to run)" if cost.missing else ""),
            _time(cost),
            _compared(cost.memory_mb, megabytes),
            _compared(cost.bytes, amount),
        ]
        for cost in found
    ]
    lines = [columns(rows), ""]
    if plan is None:
        lines.append("no saved plan to compare with: fd2 plan --save, before the run")
    else:
        lines.append(f"each figure: actual / planned (ratio); plan: {plan}")
    unplanned = sum(cost.unplanned for cost in found)
    if unplanned:
        lines.append(f"{unplanned} finished jobs are not in that plan and are not counted")
    lines.append("time: of jobs with a record; tables and pictures have none")
    return "\n".join(lines)


def _time(cost: StageCost) -> str:
    figures = ((cost.gpu_hours, "GPU"), (cost.core_hours, "core"))
    shown = [
        _compared(figure, partial(hours, what=what))
        for figure, what in figures
        if figure.actual is not None
    ]
    return ", ".join(shown) or "-"


def _compared(figure: Compared, show: Callable[[float], str]) -> str:
    if not figure.actual:
        return "-"
    if figure.planned is None:
        return show(figure.actual)
    ratio = f" ({figure.ratio:.2f})" if figure.ratio is not None else ""
    return f"{show(figure.actual)} / {show(figure.planned)}{ratio}"
