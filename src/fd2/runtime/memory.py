"""Memory: the C allocator's thresholds, and the peak that a job reached."""

from __future__ import annotations

import ctypes
import resource
import sys
from typing import TYPE_CHECKING

from fd2.config.stages import BY_NAME
from fd2.errors import FD2Error

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


def out_of_memory(error: BaseException, stage: str) -> FD2Error | None:
    """What to do about an error that says that memory ran out; None for any other error.

    Nothing is split by itself: where batch-norm statistics are taken over a batch, a smaller batch
    is another result, and elsewhere other sizes may round otherwise.
    """
    # Only torch raises its own errors: nothing to compare with where it was not imported.
    torch = sys.modules.get("torch")
    on_gpu = torch is not None and isinstance(error, torch.OutOfMemoryError)
    on_cpu = isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error)
    if not (on_gpu or on_cpu):
        return None
    fix = "take a device with more memory; a stage with a saved state goes on from it"
    setting = BY_NAME[stage].largest if stage in BY_NAME else ""
    if setting:
        less = f"lower '{setting}' or the dataset's resolution, which changes the result"
        fix = f"{less}, or {fix}"
    reason = f": {str(error).splitlines()[0]}" if str(error) else ""
    what = f"out of {'GPU ' if on_gpu else ''}memory{reason}"
    return FD2Error(what, f"stage {stage}" if stage else "this job", fix)
