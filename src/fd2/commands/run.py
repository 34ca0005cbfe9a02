"""``fd2 run``: Snakemake on a config, by its name, with the logger that shows results."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from fd2.config.layers import AFTER, SUFFIXES
from fd2.config.yaml_reader import read_yaml
from fd2.errors import FD2Error, shown, suggest
from fd2.planning.project import DEFAULT_CONFIG, open_project, require_workflow

HELP = "run Snakemake on a config, and show results as they come"
EXAMPLE = "fd2 run quickstart"
#: What the command sets unless the user does, after --.
_CORES = ("--cores", "-c", "--jobs", "-j")
_LOGGER = "--logger"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("name", help="of the config: config/NAME.yaml")
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="target",
        help="a table, a figure, a file, or figures, partial, ablations, ...; the default is all"
        " that the config asks for",
    )


def run(arguments: argparse.Namespace, options: Sequence[str]) -> int:
    """Become Snakemake: its exit code and its signals are the command's.

    What follows ``--configfile`` is laid over the config of that name.

    Raises:
        FD2Error: if there is no such config, or its settings are refused.
    """
    if arguments.json:
        raise FD2Error("a run prints no JSON", "--json", "leave it out; fd2 plan has --json")
    require_workflow(Path.cwd())
    files = [*config_files(arguments.name, DEFAULT_CONFIG.parent), *arguments.configfile]
    open_project(Path.cwd(), files)
    words = command(arguments.targets, files, options)
    print(shlex.join(words), flush=True)
    os.execv(sys.executable, [sys.executable, "-m", *words])


def command(targets: Sequence[str], files: Sequence[str], options: Sequence[str]) -> list[str]:
    """The command line of Snakemake, as a user would type it.

    Args:
        targets: before all options: Snakemake takes what follows --configfile for files.
        files: of ``--configfile``.
        options: of the user, last.
    """
    given = {option.partition("=")[0] for option in options}
    own = [] if given.intersection(_CORES) else [_CORES[0], "all"]
    own += [] if _LOGGER in given else [_LOGGER, "fd2"]
    return ["snakemake", *targets, *own, "--configfile", *files, *options]


def config_files(name: str, folder: Path) -> list[str]:
    """A config's file, behind those that must stand before it.

    Args:
        name: of a file in the folder without suffix, or a path.
        folder: of the configs.

    Raises:
        FD2Error: if there is none; as `read_yaml`.
    """
    path = Path(name) if Path(name).suffix in SUFFIXES else folder / f"{name}.yaml"
    if len(path.parts) == 1 and not path.is_file():
        path = folder / path
    if not path.is_file():
        names = [one.stem for one in folder.glob("*.yaml") if one.name != DEFAULT_CONFIG.name]
        more = "; for images of your own: fd2 init FOLDER"
        raise FD2Error(
            f"no config {shown(name)}", str(path), suggest(Path(name).stem, names) + more
        )
    if path.resolve() == (folder / DEFAULT_CONFIG.name).resolve():
        fix = "snakemake --cores all, without --configfile, runs the paper's settings, on a GPU"
        raise FD2Error("all runs begin with this config", str(path), fix)
    order: dict[Path, None] = {}
    _put_before(path, folder, order, ())
    return [str(one) for one in order]


def _put_before(
    path: Path, folder: Path, order: dict[Path, None], waiting: tuple[Path, ...]
) -> None:
    """Append a file to the order, and first those that it names under ``after``."""
    if path in waiting:
        names = " and ".join(one.name for one in waiting)
        raise FD2Error(f"{names} want each other before them", str(path), f"mend '{AFTER}'")
    needed = read_yaml(path).get(AFTER, [])
    # What is no list of names is refused, with its line, when the config is read as a whole.
    for name in needed if isinstance(needed, list) else []:
        beside = path.with_name(str(name))
        other = beside if beside.is_file() else folder / str(name)
        if other.is_file():
            _put_before(other, folder, order, (*waiting, path))
    order[path] = None
