"""The folders of outputs: what the config calls them, with home and variables filled in."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

from fd2.errors import FD2Error, shown

#: Each kind of output; ``<results>`` in a rule is the folder of results.
PATHVARS = ("resources", "results", "logs", "benchmarks", "state")
#: What Snakemake would read as wildcards or as other pathvars.
_PATTERNS = re.compile(r"[{}<>*?\n]")


def output_folders(pathvars: Mapping[str, str], where: Callable[[str], str]) -> dict[str, str]:
    """The folder of each kind of output, ``~`` and ``$VARIABLE`` filled in.

    Args:
        pathvars: as in the config.
        where: tells where one of them was written.

    Raises:
        FD2Error: for a variable that is not set, a home that is not known, the working directory, a
            character that means something in patterns, or two kinds of outputs in one folder.
    """
    folders: dict[str, str] = {}
    for name, text in pathvars.items():
        folder = os.path.normpath(os.path.expandvars(os.path.expanduser(text)))
        if unset := re.search(r"\$\w+|\$\{[^}]*\}?", folder):
            fix = "set it in the shell that runs snakemake, or write the folder itself"
            raise FD2Error(f"the variable {unset[0]} is not set", where(name), fix)
        if folder == os.curdir:
            fix = f"name a folder in it, such as {name}"
            raise FD2Error(f"{shown(text)} is the working directory itself", where(name), fix)
        if folder.startswith("~"):
            raise FD2Error(f"no home folder {folder}", where(name), "write the folder itself")
        if _PATTERNS.search(folder):
            fix = "rename the folder: none of { } < > * ?"
            raise FD2Error(f"the folder {shown(folder)} reads as a pattern", where(name), fix)
        if other := next((kind for kind in folders if folders[kind] == folder), None):
            fix = f"give it a folder of its own, such as {folder}/{name}"
            what, both = f"{shown(folder)} is the folder of '{other}' too", (other, name)
            raise FD2Error(what, "; ".join(map(where, both)), fix)
        folders[name] = folder
    return folders
