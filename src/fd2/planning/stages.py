"""A plan summed up by stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fd2.config.stages import BY_NAME
from fd2.planning.forecast import JobForecast

_HOUR = 3600


@dataclass(frozen=True)
class StageForecast:
    """All pending jobs of one rule.

    Attributes:
        rule: its name.
        jobs: that would run.
        done: that are there already.
        unknown: pending jobs of unknown time.
        gpu_hours, core_hours: of the jobs that are known; hours times CPU threads on a CPU.
            None where none is.
        memory_mb, gpu_memory_mb: highest peak of a job.
        bytes: of arrays and tensors.
        unsized: pending jobs whose bytes wait for a download.
        files: that are written.
        basis: ``measured``, ``probed``, both, or nothing.
        devices: where it was measured or probed.
    """

    rule: str
    jobs: int
    done: int
    unknown: int
    gpu_hours: float | None
    core_hours: float | None
    memory_mb: float | None
    gpu_memory_mb: float | None
    bytes: int
    unsized: int
    files: int
    basis: tuple[str, ...]
    devices: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def by_stage(forecasts: Sequence[JobForecast]) -> list[StageForecast]:
    """Sums of each rule, in the order of the chain."""
    return [
        _stage(rule, [one for one in forecasts if one.job.rule == rule])
        for rule in rules_in_order(forecasts)
    ]


def rules_in_order(forecasts: Sequence[JobForecast]) -> list[str]:
    """The rules of some jobs: those of the chain in its order, then the others by name."""
    found = {one.job.rule for one in forecasts}
    return [rule for rule in BY_NAME if rule in found] + sorted(found.difference(BY_NAME))


def _stage(rule: str, every: Sequence[JobForecast]) -> StageForecast:
    pending = [one for one in every if one.job.pending]
    known = [one for one in pending if one.seconds is not None]
    gpu = [(one.seconds or 0) / _HOUR for one in known if one.gpu]
    core = [(one.seconds or 0) * one.threads / _HOUR for one in known if not one.gpu]
    memory = [one.memory_mb for one in known if one.memory_mb is not None]
    gpu_memory = [one.gpu_memory_mb for one in known if one.gpu_memory_mb is not None]
    return StageForecast(
        rule=rule,
        jobs=len(pending),
        done=len(every) - len(pending),
        unknown=len(pending) - len(known),
        gpu_hours=sum(gpu) if gpu else None,
        core_hours=sum(core) if core else None,
        memory_mb=max(memory, default=None),
        gpu_memory_mb=max(gpu_memory, default=None),
        bytes=sum(size or 0 for one in pending for size in one.sizes.values()),
        unsized=sum(not one.sized for one in pending),
        files=sum(len(one.sizes) for one in pending),
        basis=tuple(sorted({one.basis for one in known if one.basis})),
        devices=tuple(sorted({one.device_name for one in known if one.device_name})),
    )
