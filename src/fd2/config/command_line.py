"""The config files that a Snakemake command names, read before Snakemake reads them.

Snakemake reads them before the Snakefile, and names neither file nor line of one that it cannot
read. Its profiles are read earlier still, so that those in ``profiles/`` call this module.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fd2.config.layers import read_layers
from fd2.errors import FD2Error, shown


def read_first(words: Sequence[str], default: Path) -> None:
    """Leave the process with an error if Snakemake could not read the config of its command.

    Args:
        words: the command line, without the program.
        default: the workflow's ``config.yaml``.
    """
    try:
        _read(words, default)
    except FD2Error as error:
        sys.exit(f"error: {error}")


def _read(words: Sequence[str], default: Path) -> None:
    parser = argparse.ArgumentParser(add_help=False)
    # As Snakemake declares them, but that it forgets all but the last of several.
    files, pairs = "--configfile", "--config"
    several: Any = {"action": "append", "default": []}
    parser.add_argument(files, "--configfiles", nargs="+", dest="files", **several)
    parser.add_argument(pairs, "-C", nargs="*", dest="pairs", **several)
    given = parser.parse_known_args(words)[0]
    for option, times in ((files, given.files), (pairs, given.pairs)):
        if len(times) > 1:
            together = " ".join(word for words in times for word in words)
            what = f"{option} stands {len(times)} times: the last alone would count"
            raise FD2Error(what, "command line", f"write {option} {together}")
    read = [path for paths in given.files for path in paths]
    config = read_layers(default, read, [pair for one in given.pairs for pair in one])
    pathvars = config.get("pathvars")
    if not isinstance(pathvars, dict) or not all(isinstance(p, str) for p in pathvars.values()):
        where = config.lines.get(("pathvars",), "--config")
        fix = "write 'results: FOLDER' below it"
        raise FD2Error(f"'pathvars' is {shown(pathvars)}", where, fix)
