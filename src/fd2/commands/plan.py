"""``fd2 plan``: what a run will take, before it starts."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from fd2.commands.text import columns, count, hours, megabytes
from fd2.planning.disk import Need, amount, needs, require_room
from fd2.planning.forecast import describe, forecast
from fd2.planning.jobs import read_jobs
from fd2.planning.measurements import read_measurements
from fd2.planning.probe import PROBED, probe
from fd2.planning.project import open_project
from fd2.planning.saved import DEFAULT_NAME, save_plan
from fd2.planning.stages import StageForecast, by_stage

HELP = "jobs, hours, memory and disk of a run, before it starts"
EXAMPLE = "fd2 plan results/tables/quickstart.md --configfile config/quickstart.yaml --probe"
UNKNOWN = "unknown: run with --probe"
NOT_PROBED = "unknown"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("targets", nargs="*", help="as for snakemake; the default is all")
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="FILE", help="config files, later ones win"
    )
    parser.add_argument(
        "--probe",
        action="store_true",
        help="run a few steps of each kind of job that was not measured yet, on this machine",
    )
    parser.add_argument(
        "--save",
        nargs="?",
        const="",
        metavar="FILE",
        help=f"keep the plan for fd2 cost; without a name as benchmarks/{DEFAULT_NAME}",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace, snakemake_options: Sequence[str]) -> int:
    """Print the plan; see `fd2.planning`.

    Args:
        arguments: of `add_arguments`.
        snakemake_options: what followed ``--``.

    Returns:
        0.

    Raises:
        FD2Error: if Snakemake refuses, a probe fails, or the disk is too small.
    """
    project = open_project(Path.cwd(), arguments.configfile)
    jobs = read_jobs(project, arguments.targets, snakemake_options)
    forecasts = forecast(describe(project, jobs), read_measurements(project), "measured")
    if arguments.probe:
        measured = probe(project, forecasts, lambda line: print(line, file=sys.stderr, flush=True))
        forecasts = forecast(forecasts, measured, "probed")
    stages, room = by_stage(forecasts), needs(project, forecasts)
    if arguments.save is not None:
        name = arguments.save or project.path("benchmarks", DEFAULT_NAME)
        save_plan(Path(name), project, forecasts)
        print(f"plan saved: {name}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(_plain(stages, room), indent=1))
    else:
        print(_text(stages, room, probed=arguments.probe))
    require_room(room)
    return 0


def _plain(stages: Sequence[StageForecast], room: Sequence[Need]) -> dict[str, object]:
    return {
        "jobs": sum(stage.jobs for stage in stages),
        "done": sum(stage.done for stage in stages),
        "stages": [stage.plain() for stage in stages],
        "disk": [{**vars(need), "folder": str(need.folder)} for need in room],
    }


def _text(stages: Sequence[StageForecast], room: Sequence[Need], *, probed: bool) -> str:
    pending = [stage for stage in stages if stage.jobs]
    done = sum(stage.done for stage in stages)
    if not pending:
        return f"nothing to do: {count(done, 'job')} done"
    rows = [
        _row(stage, UNKNOWN if stage.rule in PROBED and not probed else NOT_PROBED)
        for stage in pending
    ]
    header = ["stage", "jobs", "files", "disk", "time", "memory", "GPU memory", "from"]
    lines = [columns([header, *rows]), ""]
    lines.append(f"{count(sum(s.jobs for s in pending), 'job')} to run, {done} done")
    lines += _totals(pending)
    devices = sorted({device for stage in pending for device in stage.devices})
    if devices:
        lines.append(f"time and memory as on: {', '.join(devices)}")
    if any("probed" in stage.basis for stage in pending):
        lines.append(
            "probed: a few steps here, scaled up; a forecast, not a measurement of the run"
        )
    for need in room:
        lines.append(
            f"disk: {amount(need.wanted)} in {need.files} new files, {amount(need.free)} free"
            f" at {need.folder}"
        )
    lines.append("disk counts arrays and tensors; records, tables, pictures and logs come on top")
    if any(stage.rule == "download" for stage in pending):
        lines.append("of downloads the archives' size alone is known; unpacked they take more")
    if any(stage.unsized for stage in pending):
        lines.append("unknown disk: of data whose images cannot be counted before the download")
    return "\n".join(lines)


def _row(stage: StageForecast, unknown: str) -> list[str]:
    time = ", ".join(_hours(stage)) or unknown
    if stage.unknown and _hours(stage):
        time += f" + {count(stage.unknown, 'job')} {unknown}"
    return [
        stage.rule,
        str(stage.jobs),
        str(stage.files),
        _disk(stage),
        time,
        megabytes(stage.memory_mb),
        megabytes(stage.gpu_memory_mb),
        ", ".join(stage.basis) or "-",
    ]


def _disk(stage: StageForecast) -> str:
    known = amount(stage.bytes) if stage.bytes else ""
    waiting = f"{count(stage.unsized, 'job')} unknown" if stage.unsized else ""
    return " + ".join(filter(None, (known, waiting))) or "-"


def _hours(stage: StageForecast) -> list[str]:
    found = ((stage.gpu_hours, "GPU"), (stage.core_hours, "core"))
    return [hours(value, what) for value, what in found if value is not None]


def _totals(stages: Sequence[StageForecast]) -> list[str]:
    unknown = sum(stage.unknown for stage in stages)
    lines = []
    for what, values in (
        ("GPU", [stage.gpu_hours for stage in stages]),
        ("core", [stage.core_hours for stage in stages]),
    ):
        known = [value for value in values if value is not None]
        if known:
            lines.append(f"{hours(sum(known), what)} in all, as far as known")
    if unknown:
        lines.append(f"time of {count(unknown, 'job')} unknown")
    return lines
