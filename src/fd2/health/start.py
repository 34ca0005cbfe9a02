"""What would fail every job, is cheap to know, and is refused before the first one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fd2.errors import FD2Error, require_writable
from fd2.health.paths import require_plain_paths
from fd2.runtime.clock import require_past
from fd2.runtime.device import nvidia_gpu_visible

#: What jobs read from the workflow's folder.
SOURCES = ("Snakefile", "workflow", "src", "config")
#: Pathvars of folders that jobs read from.
INPUTS = ("resources", "results")


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
    require_plain_paths(root, Path.cwd())
    for name, folder in folders.items():
        require_writable(folder, f"pathvar '{name}'")
    require_past([*(root / name for name in SOURCES), *(folders[name] for name in INPUTS)])


def require_device(setting: str, where: str) -> None:
    """Refuse ``cuda`` on a machine that shows no GPU, of the setting ``device``.

    Raises:
        FD2Error: names where it was set.
    """
    if setting == "cuda" and not nvidia_gpu_visible():
        raise FD2Error(
            "device 'cuda', and no GPU on this machine",
            where,
            "set 'device: cpu' or 'device: auto' and budgets for a CPU, or give a config that has "
            "them before your own: --configfile config/quickstart.yaml ...",
        )
