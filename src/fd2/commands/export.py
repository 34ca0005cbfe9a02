"""``fd2 export``: distilled sets as zips for others, by their names."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from fd2.config.names import DDRANKING, FORMS, WITH_LABELS, SetName
from fd2.config.paths import ArtefactPaths, path_fields
from fd2.errors import FD2Error, shown
from fd2.planning.project import Project, open_project

HELP = "distilled sets as zips: pictures, a dataset card, and on request labels or tensors"
EXAMPLE = "fd2 export elpv/sre2lpp/fd2/base/ipc5 --with-labels --configfile config/quickstart.yaml"
FORMATS = ("pictures", DDRANKING)
#: Options of Snakemake that say how many jobs run at once.
_CORES = ("--cores", "-c", "--jobs", "-j")
#: Rules that make a zip of what is there.
_RULES = ("export", *(f"export_{form.replace('-', '_')}" for form in FORMS))
_NAME = "DATASET/METHOD/FD2/VARIANT/ipcN"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help=f"of a set: {_NAME}, such as elpv/sre2lpp/fd2/base/ipc5, or its file",
    )
    parser.add_argument(
        "--with-labels",
        action="store_true",
        help="add soft labels, the set as tensors, and a script of plain PyTorch that trains on it",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default=FORMATS[0],
        help="pictures alone, or with them tensors as the package ddranking reads them",
    )
    parser.add_argument(
        "--as-it-is",
        action="store_true",
        help="take the files that are there, also if settings or code changed since",
    )


def run(arguments: argparse.Namespace, options: Sequence[str]) -> int:
    """Let Snakemake make the zips, with whatever they need, and say where they are.

    Returns:
        Snakemake's exit code.

    Raises:
        FD2Error: if a name is none of a set, or the settings are refused.
    """
    if arguments.json:
        raise FD2Error("an export prints no JSON", "--json", "leave it out")
    if arguments.with_labels and arguments.format == DDRANKING:
        raise FD2Error(
            f"--with-labels and --format {DDRANKING}",
            "command line",
            "run the command twice: DD-Ranking's own training takes no labels of other epochs",
        )
    form = WITH_LABELS if arguments.with_labels else arguments.format
    form = "" if form == FORMATS[0] else form
    project = open_project(Path.cwd(), arguments.configfile)
    targets = [target(project, name, form) for name in arguments.names]
    words = ["snakemake", *targets]
    if not {option.partition("=")[0] for option in options}.intersection(_CORES):
        words += [_CORES[0], "all"]
    if arguments.as_it_is:
        words += ["--allowed-rules", *_RULES]
    if project.configfiles:
        words += ["--configfile", *project.configfiles]
    words += options
    print(shlex.join(words), flush=True)
    code = _waited_for([sys.executable, "-m", *words])
    if code == 0:
        print("\n".join(_made(project, targets)))
    return code


def target(project: Project, name: str, form: str) -> str:
    """The path of a set's zip, as Snakemake is asked for it.

    Args:
        project: the workflow.
        name: of a set, a path below the results folder or with it, with or without a suffix.
        form: one of `FORMS`, or nothing for pictures.

    Raises:
        FD2Error: if it is no name of a set, or there is no such set in the config.
    """
    path = PurePosixPath(name)
    if path.is_relative_to(project.root("results")):
        path = path.relative_to(project.root("results"))
    below = re.sub(r"^(?:distilled|exports|labels|students)/", "", str(path))
    fields = path_fields(re.sub(r"\.(?:safetensors|json|png|zip)$", "", f"distilled/{below}"))
    if "ipc" not in fields:
        raise FD2Error(f"no name of a set: {shown(name)}", "command line", f"write {_NAME}")
    export = SetName.parse(fields).export(int(fields["ipc"]), form)
    paths = ArtefactPaths(project.settings)
    if not re.fullmatch(paths.regex(), export):
        raise paths.fault(export)
    return f"{project.root('results')}/{export}"


def _waited_for(command: Sequence[str]) -> int:
    """The exit code of a command that shares this terminal; an interrupt is its own to handle."""
    with subprocess.Popen(command) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def _made(project: Project, targets: Sequence[str]) -> Iterator[str]:
    for path in targets:
        file = project.folder / path
        if file.is_file():  # not after a dry run
            yield f"{path}: {file.stat().st_size / 2**20:.1f} MiB; its README.md says what is in it"
