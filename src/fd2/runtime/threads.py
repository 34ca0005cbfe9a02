"""Threads that a job computes with: those that are set, however many cores it is given.

Sums on another number of threads round differently. Snakemake gives a job no more cores than
``--cores`` says, and a scheduler or a cpuset may give it fewer: it then takes longer, to the same
bytes.
"""

from __future__ import annotations

import os

from fd2.errors import FD2Error

_LIMIT, _DYNAMIC = "OMP_THREAD_LIMIT", "OMP_DYNAMIC"


def usable_cores() -> int:
    """Cores that this process may use; all of a machine that does not tell (macOS)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def require_threads(threads: int, setting: str) -> None:
    """Refuse an environment in which OpenMP computes with fewer threads than it is asked for.

    Raises:
        FD2Error: names the variable and the setting.
    """
    limit = os.environ.get(_LIMIT, "").strip()
    if limit.isdecimal() and int(limit) < threads:
        name, other = f"{_LIMIT}={limit}", f"set '{setting}' to at most {limit}"
    elif threads > 1 and os.environ.get(_DYNAMIC, "").strip().lower() in ("true", "1"):
        name, other = f"{_DYNAMIC}={os.environ[_DYNAMIC]}", f"set '{setting}' to 1"
    else:
        return
    raise FD2Error(
        f"'{setting}' is {threads}, but {name} lets sums run on fewer threads, which round "
        "differently",
        "environment",
        f"unset {name.partition('=')[0]}, or {other}",
    )


def use_threads(threads: int) -> None:
    """Let torch compute with so many threads, at least 1.

    Raises:
        FD2Error: as `require_threads`.
    """
    import torch

    require_threads(threads, "threads")
    torch.set_num_threads(threads)
    if (cores := usable_cores()) < threads:
        print(f"{threads} threads on {cores} cores: slower, to the same result", flush=True)
