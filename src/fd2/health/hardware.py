"""Devices, and whether torch can use them; processor cores against the threads of the config."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping

from fd2.errors import FD2Error
from fd2.health.finding import Finding, fault
from fd2.runtime.device import nvidia_gpu_visible, planned_device

_TIMEOUT = 30
_QUERY = "--query-gpu=name,driver_version,memory.total"


def check_cores(threads: Mapping[str, int]) -> Finding:
    """Cores that this process may use, and what jobs ask for.

    Args:
        threads: of each stage, as in the config.
    """
    cores = len(os.sched_getaffinity(0))
    most = max(threads, key=lambda stage: threads[stage])
    fact = f"{cores} cores; a job of stage {most} takes {threads[most]}"
    if threads[most] <= cores:
        return Finding("cores", fact)
    fix = f"set 'threads.{most}' to at most {cores}; other numbers of threads round differently"
    return Finding("cores", fact, fix)


def check_compiler(modes: Mapping[str, str], device: str) -> Iterator[Finding]:
    """The compiler, where a stage compiles its networks.

    Args:
        modes: the setting ``compile`` of each stage.
        device: the config's: ``auto``, ``cpu`` or ``cuda``.
    """
    import torch

    from fd2.networks.compilation import require_compiler

    where = torch.device(planned_device(device))
    for stage, mode in modes.items():
        if mode == "none":
            continue
        try:
            require_compiler(mode, where, f"{stage}.compile")
        except FD2Error as error:
            yield fault("compiler", error)
        else:
            yield Finding("compiler", f"found; '{stage}.compile' is '{mode}'")


def check_devices(device: str) -> Iterator[Finding]:
    """The NVIDIA driver, torch's build, and a small computation where a GPU is wanted.

    Args:
        device: the config's: ``auto``, ``cpu`` or ``cuda``.
    """
    visible = nvidia_gpu_visible()
    yield _driver(visible)
    yield _torch(device, visible)


def _driver(visible: bool) -> Finding:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        fact = "a GPU's device file, but no nvidia-smi" if visible else "none"
        return Finding("NVIDIA driver", fact)
    try:
        done = subprocess.run(
            [tool, _QUERY, "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("NVIDIA driver", f"nvidia-smi fails: {error}", "mend the driver (dmesg)")
    return Finding("NVIDIA driver", "; ".join(done.stdout.split("\n")).strip("; "))


def _torch(device: str, visible: bool) -> Finding:
    try:
        import torch
    except ImportError as error:
        return Finding("torch", f"cannot be imported: {error}", "install the environment again")
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU-only"
    fact = f"torch {torch.__version__}, {build} build, device '{device}' in the config"
    usable = torch.cuda.is_available()
    if device == "cpu" or (device == "auto" and not visible):
        return Finding("torch", fact)
    if not torch.version.cuda:
        return Finding("torch", fact, "install the CUDA build, see docs/environments.md")
    if not visible:
        return Finding("torch", f"{fact}, no GPU visible", "run where nvidia-smi shows one")
    if not usable:
        fix = f"the driver is older than {build} needs: update it, or install an older build"
        return Finding("torch", f"{fact}, no usable GPU", fix)
    try:
        total = float(torch.ones(8, device="cuda").sum())
    except RuntimeError as error:
        return Finding("torch", f"{fact}, computing fails: {error}", "compare driver and build")
    names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    wrong = None if total == 8 else "the GPU computes wrongly: test its memory"
    return Finding("torch", f"{fact}, computes on {', '.join(names)}", wrong)
