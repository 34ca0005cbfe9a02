"""Folders that the config names, with home and variables filled in; those of outputs by kind."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from fd2.errors import FD2Error, shown

#: Each kind of output; ``<results>`` in a rule is the folder of results.
PATHVARS = ("resources", "results", "logs", "benchmarks", "state")
#: What lies beside them in the working directory.
_SOURCES = {"src", "config", "workflow", "envs", "profiles", ".git", ".snakemake", ".venv"}
#: What Snakemake would read as wildcards or as other pathvars.
_PATTERNS = re.compile(r"[{}<>*?\n]")


def filled_in(text: str, where: str) -> Path:
    """A path as a user writes it, ``~`` and ``$VARIABLE`` filled in.

    Raises:
        FD2Error: for a variable that is not set, or a home that is not known.
    """
    path = os.path.normpath(os.path.expandvars(os.path.expanduser(text)))
    if unset := re.search(r"\$[A-Za-z_]\w*|\$\{[^}]*\}?", path):
        fix = "set it in the shell that runs snakemake, or write the path itself"
        raise FD2Error(f"the variable {unset[0]} is not set", where, fix)
    if path.startswith("~"):
        raise FD2Error(f"no home folder {path}", where, "write the path itself")
    return Path(path)


def output_folders(pathvars: Mapping[str, str], where: Callable[[str], str]) -> dict[str, str]:
    """The folder of each kind of output, ``~`` and ``$VARIABLE`` filled in.

    Args:
        pathvars: as in the config.
        where: tells where one of them was written.

    Raises:
        FD2Error: as `filled_in`; for the working directory, a folder above it or of the workflow's
            sources, a character that means something in patterns, or two kinds in one folder.
    """
    folders: dict[str, str] = {}
    for name, text in pathvars.items():
        folder = str(filled_in(text, where(name)))
        if Path.cwd().is_relative_to(os.path.abspath(folder)):
            fix = f"name a folder in it, such as {name}"
            what = f"{shown(text)} is the working directory itself, or holds it"
            raise FD2Error(what, where(name), fix)
        if Path(os.path.relpath(folder)).parts[0] in _SOURCES:
            what = f"{shown(text)} is among the workflow's own files"
            raise FD2Error(what, where(name), f"name a folder beside them, such as {name}")
        if _PATTERNS.search(folder):
            fix = "rename the folder: none of { } < > * ?"
            raise FD2Error(f"the folder {shown(folder)} reads as a pattern", where(name), fix)
        if other := next((kind for kind in folders if folders[kind] == folder), None):
            fix = f"give it a folder of its own, such as {folder}/{name}"
            what, both = f"{shown(folder)} is the folder of '{other}' too", (other, name)
            raise FD2Error(what, "; ".join(map(where, both)), fix)
        folders[name] = folder
    return folders
