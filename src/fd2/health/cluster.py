"""Whether SLURM answers, where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fd2.health.finding import Finding

PLUGIN = "snakemake-executor-plugin-slurm"
_TIMEOUT = 30
_CONFIGURATION = Path("/etc/slurm/slurm.conf")


def check_slurm() -> Finding:
    """Ask the controller for its partitions. A machine without SLURM is well too."""
    tool = shutil.which("sinfo")
    if tool is None:
        return Finding("SLURM", "not installed; needed for a cluster only")
    configured = "SLURM_CONF" in os.environ or _CONFIGURATION.is_file()
    if not configured:
        return Finding("SLURM", "installed, not configured; needed for a cluster only")
    try:
        done = subprocess.run(
            [tool, "--noheader", "--format=%P %a %D %T"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("SLURM", f"sinfo fails: {error}", "ask the cluster's administrator")
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return Finding("SLURM", f"sinfo fails: {said}", "start slurmctld, or see SLURM_CONF")
    partitions = "; ".join(done.stdout.split("\n")).strip("; ") or "no partitions"
    try:
        return Finding("SLURM", f"{partitions}; {PLUGIN} {version(PLUGIN)}")
    except PackageNotFoundError:
        return Finding("SLURM", f"{partitions}; no {PLUGIN}", f"pip install {PLUGIN}")
