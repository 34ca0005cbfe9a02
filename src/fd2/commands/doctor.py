"""``fd2 doctor``: whether this machine, environment and folder can run a config."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from fd2.config.code import PACKAGE
from fd2.config.stages import SECTIONS
from fd2.errors import FD2Error
from fd2.health import Finding, fault
from fd2.health.folders import check_folders, check_time_stamps
from fd2.health.machine import check_compiler, check_cores, check_devices, check_slurm
from fd2.health.versions import check_encoding, check_versions
from fd2.planning.project import Project, open_project, require_workflow

HELP = "versions, devices, data, folders, disk and cluster: each ok, or what to do"
EXAMPLE = "fd2 doctor --configfile config/quickstart.yaml"
PYPROJECT = PACKAGE.parents[1] / "pyproject.toml"


def run(arguments: argparse.Namespace, options: Sequence[str]) -> int:
    """Print each finding.

    Returns:
        0 if all is well, otherwise 1.

    Raises:
        FD2Error: if there are options, or this is not the workflow's folder.
    """
    if options:
        raise FD2Error(f"options {list(options)}", "fd2 doctor", "leave them out")
    require_workflow(Path.cwd())
    found = []
    for finding in _findings(arguments.configfile):
        found.append(finding)
        if not arguments.json:
            print(_line(finding), flush=True)
    wrong = sum(not finding.ok for finding in found)
    if arguments.json:
        lines = [{**asdict(finding), "ok": finding.ok} for finding in found]
        print(json.dumps({"ok": not wrong, "findings": lines}, indent=1))
    else:
        print(f"\n{wrong} of {len(found)} need attention" if wrong else "\nall ok")
    return 1 if wrong else 0


def _findings(configfiles: Sequence[str]) -> Iterator[Finding]:
    yield from check_versions(PYPROJECT)
    yield check_encoding()
    yield check_slurm()
    try:
        project = open_project(Path.cwd(), configfiles)
    except FD2Error as error:
        yield fault("config", error)
        return
    yield Finding("config", project.settings.source)
    yield from _of_project(project)


def _of_project(project: Project) -> Iterator[Finding]:
    # Its module imports torch and NumPy: a broken installation shows in the lines before.
    from fd2.health.data import check_data

    values = project.settings.values
    yield check_cores(values["threads"])
    yield from check_devices(values["device"])
    sections = {stage: values[stage] for stage in SECTIONS}
    modes = {stage: s["compile"] for stage, s in sections.items() if "compile" in s}
    yield from check_compiler(modes, values["device"])
    yield from check_folders(project)
    yield check_time_stamps(project)
    yield from check_data(project)


def _line(finding: Finding) -> str:
    if finding.ok:
        return f"ok     {finding.subject}: {finding.fact}"
    return f"WRONG  {finding.subject}: {finding.fact}\n         do: {finding.fix}"
