"""What this machine can do at most: a large matrix product, a large copy."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch

from fd2.runtime.memory import keep_freed_memory


def ceilings(name: str, threads: int, size: int, repetitions: int) -> dict[str, float]:
    """Arithmetic rates of matrix products and the bandwidth of a copy.

    Args:
        name: of the device to measure.
        threads: of the CPU.
        size: rows and columns of the square matrices; the copy has ``16 * size²`` numbers.
        repetitions: of each; the median counts.

    Returns:
        ``float32`` and ``bfloat16`` in floating-point operations per second, ``copy`` in bytes read
        and written per second.
    """
    keep_freed_memory()
    torch.set_num_threads(threads)
    device, rates = torch.device(name), {}
    for dtype in (torch.float32, torch.bfloat16):
        factor = torch.randn(size, size, device=device).to(dtype)
        seconds = _median_seconds(lambda factor=factor: factor @ factor, device, repetitions)
        rates[str(dtype).removeprefix("torch.")] = 2 * size**3 / seconds
    source = torch.randn(16 * size * size, device=device)
    target = torch.empty_like(source)
    seconds = _median_seconds(lambda: target.copy_(source), device, repetitions)
    rates["copy"] = 2 * source.nbytes / seconds
    return rates


def synchronise(device: torch.device) -> None:
    """Wait for a GPU; nothing to wait for on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _median_seconds(call: Callable[[], object], device: torch.device, repetitions: int) -> float:
    call()
    times = []
    for _ in range(repetitions):
        synchronise(device)
        start = time.perf_counter()
        call()
        synchronise(device)
        times.append(time.perf_counter() - start)
    return median(times)
