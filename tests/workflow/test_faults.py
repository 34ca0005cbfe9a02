"""A few faults in real runs of the tiny workflow; `make faults` injects many of each kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
COMMAND = Path(__file__).resolve().parents[1] / "faults"


def test_a_few_faults_are_survived(finished: Any) -> None:
    """The command itself, on the last stages alone."""
    few = {"project": finished.folder, "stages": 1, "kills": 1, "terms": 1, "hups": 1, "clocks": 1}
    few |= {"damaged": 0, "disks": 1}
    words = [f"--{name}={value}" for name, value in few.items()]
    done = subprocess.run(
        [sys.executable, str(COMMAND), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for kind, tried in (
        *(("SIGKILL", 1), ("SIGTERM", 1), ("SIGHUP", 1), ("jumping clock", 1)),
        *(("two runs at once", 1), ("loss not finite", 1), ("full disk", 1), ("all", 7)),
    ):
        assert f"| {kind} | {tried} | {tried} |" in done.stdout
