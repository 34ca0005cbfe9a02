"""What would fail every job, is cheap to know, and is refused before the first one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from fd2.errors import FD2Error, require_writable
from fd2.runtime.clock import require_past

#: What jobs read from the workflow's folder.
SOURCES = ("Snakefile", "workflow", "src", "config")
#: Pathvars of folders that jobs read from.
INPUTS = ("resources", "results")
#: What Snakemake's commands, patterns and conda environments do not take apart or fill in.
_PLAIN = re.compile(r"[\w./+=,@%:~^-]+")


def require_start(root: Path, folders: Mapping[str, Path]) -> None:
    """Refuse what no job would survive.

    Args:
        root: the workflow's folder.
        folders: of outputs, by pathvar.

    Raises:
        FD2Error: for a path that Snakemake cannot use, a folder that cannot be written, and files
            that are stamped in the future.
        OSError: for a folder that cannot be listed.
    """
    for place in (root, Path.cwd()):
        require_plain_path(place)
    for name, folder in folders.items():
        require_writable(folder, f"pathvar '{name}'")
    require_past([*(root / name for name in SOURCES), *(folders[name] for name in INPUTS)])


def require_plain_path(root: Path) -> None:
    """Refuse a workflow's folder whose path has blanks or other signs that commands break at.

    Raises:
        FD2Error: names the signs.
    """
    path = str(root.absolute())
    if not _PLAIN.fullmatch(path):
        signs = " ".join(repr(sign) for sign in sorted(set(re.sub(_PLAIN, "", path))))
        raise FD2Error(
            f"the workflow's path holds {signs}, which Snakemake's commands and conda do not take",
            path,
            "move the folder to a path of letters, digits, '-', '_' and '.'",
        )
