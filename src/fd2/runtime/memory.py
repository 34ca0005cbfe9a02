"""Memory: the C allocator's thresholds, and the peak that a job reached."""

from __future__ import annotations

import ctypes
import resource
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEEP_BELOW = 1 << 30


def keep_freed_memory() -> bool:
    """Tell glibc to reuse large blocks instead of mapping and faulting each tensor anew.

    With the defaults every tensor above 128 KiB to 32 MiB costs a page fault per 4 KiB at each
    step; a training loop on CPU then spends more time in the kernel than in arithmetic.

    Returns:
        Whether the thresholds were set (False where the C library is not glibc).
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        return False
    trimmed = library.mallopt(_M_TRIM_THRESHOLD, _KEEP_BELOW)
    mapped = library.mallopt(_M_MMAP_THRESHOLD, _KEEP_BELOW)
    return bool(trimmed and mapped)


def peak_memory_mb(device: torch.device) -> dict[str, float]:
    """Peak memory of this process so far, in MiB: resident, and allocated on the GPU if any."""
    import torch

    peak = {"resident": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    if device.type == "cuda":
        peak["gpu"] = torch.cuda.max_memory_allocated(device) / 2**20
    return peak


def forget_gpu_peak(device: torch.device) -> None:
    """Let `peak_memory_mb` count GPU memory from here; a process's resident peak stays."""
    import torch

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
