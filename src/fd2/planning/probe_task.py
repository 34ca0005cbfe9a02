"""What goes to the process of a probe, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fd2.planning.datasets import DatasetSize
from fd2.planning.measurements import Used
from fd2.planning.workloads import Workload


@dataclass(frozen=True)
class ProbeTask:
    """One job whose steps are probed.

    Attributes:
        stage: its rule.
        settings: of the stage.
        size: of the dataset.
        count: images per class.
        teachers: attention maps (None: plain) of each teacher by backbone, in order.
        device: ``cpu`` or ``cuda``.
        threads: of the CPU.
    """

    stage: str
    settings: dict[str, Any]
    size: DatasetSize
    count: int
    teachers: dict[str, int | None]
    device: str
    threads: int


@dataclass(frozen=True)
class Timed:
    """Times of a shorter and a longer run.

    Attributes:
        short_seconds, short_units: of the shorter.
        long_seconds, long_work: of the longer.
        inside_seconds: of everything in the process after its start.
        used: peak memory, device and threads; its seconds are those of the longer run.
    """

    short_seconds: float
    short_units: float
    long_seconds: float
    long_work: Workload
    inside_seconds: float
    used: Used
