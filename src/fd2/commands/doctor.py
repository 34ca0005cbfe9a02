"""``fd2 doctor``: whether this machine, environment and folder can run a config."""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path

from fd2.errors import FD2Error
from fd2.health import Finding, fault

HELP = "versions, machine, folders, disk, data and cluster: each ok, or what to do"
EXAMPLE = "fd2 doctor --configfile config/quickstart.yaml"
#: What is checked without a config: what it is called, and a function of a module of `fd2.health`.
OF_MACHINE = (
    ("versions", "versions", "check_versions"),
    ("commit", "versions", "check_commit"),
    ("locale", "versions", "check_encoding"),
    ("path", "folders", "check_path"),
    ("folders", "folders", "check_own_folders"),
    ("memory", "machine", "check_memory"),
    ("SLURM", "machine", "check_slurm"),
)
#: Likewise of a config; the functions take the project.
OF_PROJECT = (
    ("cores", "machine", "check_cores"),
    ("devices", "machine", "check_devices"),
    ("compiler", "machine", "check_compiler"),
    ("folders", "folders", "check_folders"),
    ("access", "folders", "check_access"),
    ("time stamps", "folders", "check_time_stamps"),
    ("data", "data", "check_data"),
)
#: What a broken machine or installation makes a check raise.
_BREAKAGE = (
    *(ArithmeticError, AttributeError, ImportError, LookupError, OSError, RuntimeError),
    *(TypeError, ValueError, subprocess.SubprocessError),
)


def run(arguments: argparse.Namespace, options: Sequence[str]) -> int:
    """Print each finding.

    Returns:
        0 if all is well, otherwise 1.

    Raises:
        FD2Error: if there are options.
    """
    if options:
        raise FD2Error(f"options {list(options)}", "fd2 doctor", "leave them out")
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
    for subject, module, function in OF_MACHINE:
        yield from _guarded(subject, partial(_check, module, function))
    opened: list[object] = []
    yield from _guarded("config", partial(_config, configfiles, opened))
    for project in opened:
        for subject, module, function in OF_PROJECT:
            yield from _guarded(subject, partial(_check, module, function, project))


def _check(module: str, function: str, *project: object) -> Iterable[Finding]:
    # Imported here: where a package is broken, the other checks still say what they see.
    found = getattr(import_module(f"fd2.health.{module}"), function)(*project)
    return [found] if isinstance(found, Finding) else found


def _config(configfiles: Sequence[str], opened: list[object]) -> Iterator[Finding]:
    from fd2.planning.project import open_project

    project = open_project(Path.cwd(), configfiles)
    opened.append(project)
    yield Finding("config", project.settings.source)


def _guarded(subject: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """The findings of one check; what breaks it is one more, and does not hide those of others."""
    try:
        yield from check()
    except FD2Error as error:
        yield fault(subject, error)
    except _BREAKAGE as error:
        fix = "mend what it names; for a package, install the environment again"
        yield Finding(subject, f"the check fails: {type(error).__name__}: {error}", fix)


def _line(finding: Finding) -> str:
    if finding.ok:
        return f"ok     {finding.subject}: {finding.fact}"
    return f"WRONG  {finding.subject}: {finding.fact}\n         do: {finding.fix}"
