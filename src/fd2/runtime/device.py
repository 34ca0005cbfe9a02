"""Which device a job computes on. Nothing here falls back silently."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from fd2.errors import FD2Error, suggest
from fd2.runtime.lease import lease, lease_folder

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")


def nvidia_gpu_visible() -> bool:
    """Whether the machine shows an NVIDIA GPU, without importing torch.

    The plan is made in a process that should start in milliseconds, so it looks for the driver's
    device file and tool instead of asking CUDA.
    """
    if os.environ.get("CUDA_VISIBLE_DEVICES", "unset") in ("", "-1"):
        return False
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None


def planned_device(setting: str) -> str:
    """The device that a plan should count on for a setting of `DEVICES`: ``cpu`` or ``cuda``."""
    if setting == "auto":
        return "cuda" if nvidia_gpu_visible() else "cpu"
    return setting


def visible_gpus(count: int) -> list[str]:
    """Names of the first ``count`` GPUs that this process may use, in CUDA's order.

    They are words of ``CUDA_VISIBLE_DEVICES`` (numbers, or UUIDs such as ``GPU-8932f937``), which
    are unique also between processes that see other devices; numbers from 0 where it is not set.
    """
    words = [w.strip() for w in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if w.strip()]
    return (words or [str(number) for number in range(count)])[:count]


def resolve_device(setting: str, jobs_per_gpu: int = 1) -> torch.device:
    """The torch device for ``auto`` (a GPU where there is one), ``cpu``, or ``cuda``.

    A GPU is leased for the rest of the process, and made the default one, so that jobs side by side
    do not meet on the first; ``jobs_per_gpu`` of them, at least 1, may use a GPU at once.

    Raises:
        FD2Error: for an unknown word, or for ``cuda`` on a machine where torch sees no GPU.
    """
    import torch

    if setting not in DEVICES:
        raise FD2Error(f"unknown device '{setting}'", "setting 'device'", suggest(setting, DEVICES))
    available = torch.cuda.is_available()
    if setting == "cuda" and not available:
        build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU-only"
        raise FD2Error(
            "device 'cuda' was asked for, but torch sees no GPU",
            f"setting 'device' (torch {torch.__version__}, {build} build)",
            "run where a GPU and its driver are visible (nvidia-smi), or set 'device: cpu' or "
            "'device: auto' in the config",
        )
    if not available or setting == "cpu":
        return torch.device("cpu")
    index = lease(visible_gpus(torch.cuda.device_count()), jobs_per_gpu, lease_folder())
    device = torch.device("cuda", index)
    torch.cuda.set_device(device)
    return device


def device_name(device: torch.device) -> str:
    """The hardware's own name, for provenance: a GPU's product name or the processor's model."""
    import platform

    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
