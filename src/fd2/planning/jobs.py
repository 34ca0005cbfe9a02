"""The jobs of a workflow, told by Snakemake itself and not by a second reading of the rules."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath

from fd2.config.paths import TEMPLATES, path_fields
from fd2.errors import FD2Error
from fd2.planning.project import Project

#: Options of Snakemake that change what fd2 has read by itself; they have a place of their own.
_OWN_OPTIONS = ("--config", "-C", "--configfile", "--configfiles", "--directory", "-d")
_LAST_LINES = 15


@dataclass(frozen=True)
class RuleJob:
    """One job of a rule that makes files.

    Attributes:
        rule: its rule.
        name: what it makes: the path below its root without suffix, ``labels/.../ipc5`` where that
            is a folder. Log, benchmark and record have the same name.
        outputs: paths as the workflow writes them.
        pending: whether it would run now.
    """

    rule: str
    name: str
    outputs: tuple[str, ...]
    pending: bool

    @cached_property
    def fields(self) -> dict[str, str]:
        """The names in its name by field, such as ``dataset``; see `path_fields`."""
        return path_fields(self.name)

    @property
    def dataset(self) -> str | None:
        """The dataset whose size the outputs depend on; None where there is none."""
        return None if self.rule == "measure" else self.fields.get("dataset")

    @property
    def ipc(self) -> int | None:
        """Images per class of a job on a distilled set; None for jobs on other data."""
        return int(self.fields["ipc"]) if "ipc" in self.fields else None


def read_jobs(
    project: Project, targets: Sequence[str], options: Sequence[str] = ()
) -> list[RuleJob]:
    """Every job behind targets, done or pending, in Snakemake's order.

    Rules without files, such as ``all``, are left out.

    Args:
        project: the workflow.
        targets: as for Snakemake; none for the default target.
        options: further options of Snakemake.

    Raises:
        FD2Error: if Snakemake refuses, with its own words.
    """
    rows: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in summary(project, targets, options):
        # A job of all seeds is planned as its students, which have a record each.
        rule = row["rule"].removesuffix("_seeds")
        key = rule, job_name(project, row["output_file"])
        rows.setdefault(key, []).append(row)
    return [
        RuleJob(
            rule,
            name,
            tuple(row["output_file"] for row in files),
            any(row["plan"] == "update pending" for row in files),
        )
        for (rule, name), files in rows.items()
    ]


def summary(
    project: Project, targets: Sequence[str], options: Sequence[str] = (), *, detailed: bool = False
) -> list[dict[str, str]]:
    """The table of ``snakemake --summary``: one line an output file.

    Args:
        project: the workflow.
        targets: as for Snakemake.
        options: further options of Snakemake.
        detailed: with the input files of the last run.

    Raises:
        FD2Error: if an option would change the config, or Snakemake refuses.
    """
    foreign = [word for word in options if word.split("=")[0] in _OWN_OPTIONS]
    if foreign:
        raise FD2Error(
            f"option {foreign[0]} after '--'",
            "command line",
            "put settings into a file and name it with --configfile before '--'",
        )
    words = ["--detailed-summary" if detailed else "--summary", "--nolock"]
    said = snakemake(project, targets, [*words, *options])
    return list(csv.DictReader(said.splitlines(), delimiter="\t"))


def snakemake(
    project: Project, targets: Sequence[str], options: Sequence[str], *, check: bool = True
) -> str:
    """Run Snakemake with the project's config files, and return what it prints.

    Raises:
        FD2Error: if it fails and ``check`` is set, with its last lines.
    """
    command = [sys.executable, "-m", "snakemake", *targets, "--nocolor"]
    if project.configfiles:
        command += ["--configfile", *project.configfiles]
    done = subprocess.run(
        [*command, *options],
        cwd=project.folder,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode and check:
        said = "\n  ".join((done.stdout + done.stderr).strip().splitlines()[-_LAST_LINES:])
        raise FD2Error(
            f"snakemake refuses this:\n  {said}", " ".join(command[2:]), "see its message"
        )
    return done.stdout


def job_name(project: Project, output: str) -> str:
    """The name of the job that makes a file; see `RuleJob`."""
    for pathvar in ("results", "resources"):
        root = PurePath(project.root(pathvar))
        if PurePath(output).is_relative_to(root):
            below = PurePath(output).relative_to(root)
            whole_folder = pathvar == "resources" or _made_together(below)
            name = str(below.parent if whole_folder else below.with_suffix(""))
            return f"resources/{name}" if pathvar == "resources" else name
    return str(PurePath(output).with_suffix(""))


def _made_together(path: PurePath) -> bool:
    """Whether a path below the results folder lies in a folder that one job fills."""
    shapes = (template.split("/") for template in TEMPLATES)
    return any(
        shape[-1].startswith("{file:")
        and shape[0] == path.parts[0]
        and len(shape) == len(path.parts)
        for shape in shapes
    )
