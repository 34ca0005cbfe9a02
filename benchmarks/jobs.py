"""Whole jobs: how long one takes to start, and the quickstart from nothing to its table."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("Snakefile", "config", "envs", "profiles", "src", "workflow")
#: Beside the stages, the import of torch alone: no job that computes can start faster.
STARTS = ("torch", "fd2.stages.prepare", "fd2.stages.distill", "fd2.stages.evaluate")


def start_up(repetitions: int, modules: Sequence[str] = STARTS) -> dict[str, list[float]]:
    """Seconds to start a process that imports a stage, and one that imports torch alone.

    Args:
        repetitions: of each, in turns.
        modules: what to import.
    """
    seconds: dict[str, list[float]] = {name: [] for name in modules}
    for _ in range(repetitions):
        for name, times in seconds.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {name}"], check=True, cwd=ROOT / "src")
            times.append(time.perf_counter() - start)
    return seconds


def chain(cores: int) -> float:
    """Seconds of the whole quickstart in a fresh copy of the workflow, report included.

    Args:
        cores: of Snakemake.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, Path(folder) / name)
            else:
                shutil.copy(source, folder)
        start = time.perf_counter()
        subprocess.run(chain_command(cores), check=True, cwd=folder)
        return time.perf_counter() - start


def chain_command(cores: int) -> list[str]:
    """The quickstart's command, to be run in the workflow's folder."""
    snakemake = [sys.executable, "-m", "snakemake", "--configfile", "config/quickstart.yaml"]
    return [*snakemake, "--cores", str(cores)]
