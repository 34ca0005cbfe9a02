"""``fd2 plan``: what a run will take, before it starts."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from fd2.config.stages import BY_NAME
from fd2.planning.disk import Need, amount, needs, require_room
from fd2.planning.forecast import DEFAULT_NAME, describe, forecast, save_plan
from fd2.planning.jobs import read_jobs
from fd2.planning.measurements import read_measurements
from fd2.planning.moments import duration, moment
from fd2.planning.project import open_project
from fd2.planning.stages import StageForecast, by_stage
from fd2.planning.wall_time import Told, WallTime, at_hand, told_by_test_images, wall_time

HELP = "jobs, hours, memory and disk of a run, before it starts"
EXAMPLE = "fd2 plan results/tables/quickstart.md --configfile config/quickstart.yaml --probe"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("targets", nargs="*", help="as for snakemake; the default is all")
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


def run(arguments: argparse.Namespace, options: Sequence[str]) -> int:
    """Print the plan; see `fd2.planning`.

    Raises:
        FD2Error: if Snakemake refuses, a probe fails, or the disk is too small.
    """
    project = open_project(Path.cwd(), arguments.configfile)
    jobs = read_jobs(project, arguments.targets, options)
    forecasts = forecast(describe(project, jobs), read_measurements(project), "measured")
    if arguments.probe:
        # It runs stages: no other command waits for torch.
        from fd2.planning.probe import probe

        measured = probe(project, forecasts, lambda line: print(line, file=sys.stderr, flush=True))
        forecasts = forecast(forecasts, measured, "probed")
    stages, room = by_stage(forecasts), needs(project, forecasts)
    wall = wall_time(project, forecasts, at_hand(project, options))
    told = told_by_test_images(project, forecasts)
    if arguments.save is not None:
        name = arguments.save or project.path("benchmarks", DEFAULT_NAME)
        save_plan(Path(name), project, forecasts)
        print(f"plan saved: {name}", file=sys.stderr)
    if arguments.json:
        plan = {
            "jobs": sum(stage.jobs for stage in stages),
            "done": sum(stage.done for stage in stages),
            "stages": [asdict(stage) for stage in stages],
            "disk": [{**vars(need), "folder": str(need.folder)} for need in room],
            "wall": asdict(wall),
            "test_images": [asdict(one) for one in told],
        }
        print(json.dumps(plan, indent=1))
    else:
        print(_text(stages, room, wall, told, probed=arguments.probe))
    require_room(room)
    return 0


def _text(
    stages: Sequence[StageForecast],
    room: Sequence[Need],
    wall: WallTime,
    told: Sequence[Told],
    *,
    probed: bool,
) -> str:
    pending = [stage for stage in stages if stage.jobs]
    done = sum(stage.done for stage in stages)
    if not pending:
        return f"nothing to do: {count(done, 'job')} done"
    rows = [["stage", "jobs", "files", "disk", "time", "memory", "GPU memory", "from"]]
    rows += [_row(stage, probed=probed) for stage in pending]
    lines = [columns(rows), ""]
    lines.append(f"{count(sum(s.jobs for s in pending), 'job')} to run, {done} done")
    lines.append(_wall(wall))
    for what, values in (
        ("GPU", [stage.gpu_hours for stage in pending]),
        ("core", [stage.core_hours for stage in pending]),
    ):
        known = [value for value in values if value is not None]
        if known:
            lines.append(f"{hours(sum(known), what)} in all, as far as known")
    unknown = sum(stage.unknown for stage in pending)
    if unknown:
        lines.append(f"time of {count(unknown, 'job')} unknown")
    devices = sorted({device for stage in pending for device in stage.devices})
    if devices:
        lines.append(f"time and memory as on: {', '.join(devices)}")
    if any("probed" in stage.basis for stage in pending):
        lines.append(
            "probed: a few steps here, scaled up; a forecast, not a measurement of the run"
        )
    lines += [
        f"{one.dataset}: {count(one.images, 'test image')}:"
        f" differences below {one.points:.0f} points cannot be told"
        for one in told
    ]
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


def _wall(wall: WallTime) -> str:
    """How long a run takes here, or how to find out."""
    cores = count(wall.machine.cores, "core")
    gpus = f"{count(wall.machine.gpu_jobs, 'job')} at once on GPUs, " if wall.gpu else ""
    if wall.seconds is None:
        return f"how long on {gpus}{cores}: unknown, run with --probe"
    when = moment(wall.seconds, datetime.now())
    if wall.unknown:
        return (
            f"more than {duration(wall.seconds)} on {gpus}{cores}, the jobs of unknown time on top;"
            f" not done before {when} if started now"
        )
    return f"about {duration(wall.seconds)} on {gpus}{cores}; done about {when} if started now"


def _row(stage: StageForecast, *, probed: bool) -> list[str]:
    can_probe = stage.rule in BY_NAME and BY_NAME[stage.rule].probed and not probed
    unknown = "unknown: run with --probe" if can_probe else "unknown"
    figures = ((stage.gpu_hours, "GPU"), (stage.core_hours, "core"))
    time = ", ".join(hours(value, what) for value, what in figures if value is not None)
    if time and stage.unknown:
        time += f" + {count(stage.unknown, 'job')} {unknown}"
    disk = [amount(stage.bytes)] if stage.bytes else []
    if stage.unsized:
        disk.append(f"{count(stage.unsized, 'job')} unknown")
    return [
        stage.rule,
        str(stage.jobs),
        str(stage.files),
        " + ".join(disk) or "-",
        time or unknown,
        megabytes(stage.memory_mb),
        megabytes(stage.gpu_memory_mb),
        ", ".join(stage.basis) or "-",
    ]


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns, two spaces apart."""
    widths = [max(len(row[position]) for row in rows) for position in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def count(number: int, noun: str) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def hours(value: float, what: str) -> str:
    """Hours of GPUs or cores; minutes where they are few: ``1.5 GPU-hours``."""
    if value < 1:
        return f"{60 * value:.2g} {what}-minutes"
    return f"{value:.3g} {what}-hours"


def megabytes(value: float | None) -> str:
    """MiB as GiB with two digits; ``-`` where there is none."""
    return "-" if value is None else f"{value / 1024:.2f} GiB"
