"""Processor cores, GPUs and whether torch can use them, the compiler, and SLURM."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fd2.errors import FD2Error
from fd2.health import Finding, fault
from fd2.runtime.device import nvidia_gpu_visible, planned_device

_TIMEOUT = 30
_SLURM_PLUGIN = "snakemake-executor-plugin-slurm"
_SLURM_CONFIGURATION = Path("/etc/slurm/slurm.conf")


def check_cores(threads: Mapping[str, int]) -> Finding:
    """Cores that this process may use, and what jobs ask for, by stage."""
    cores = len(os.sched_getaffinity(0))
    most = max(threads, key=lambda stage: threads[stage])
    fact = f"{cores} cores; a job of stage {most} takes {threads[most]}"
    if threads[most] <= cores:
        return Finding("cores", fact)
    fix = f"set 'threads.{most}' to at most {cores}; other numbers of threads round differently"
    return Finding("cores", fact, fix)


def check_compiler(modes: Mapping[str, str], device: str) -> Iterator[Finding]:
    """The compiler, where a stage compiles its networks, by the setting ``compile`` of each."""
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
    """The NVIDIA driver, torch's build, and a small computation where a GPU is wanted."""
    visible = nvidia_gpu_visible()
    yield _driver(visible)
    yield _torch(device, visible)


def _driver(visible: bool) -> Finding:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        fact = "a GPU's device file, but no nvidia-smi" if visible else "none"
        return Finding("NVIDIA driver", fact)
    query = "--query-gpu=name,driver_version,memory.total"
    try:
        return Finding("NVIDIA driver", _output(tool, query, "--format=csv,noheader"))
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("NVIDIA driver", f"nvidia-smi fails: {error}", "repair the driver (dmesg)")


def _output(*command: str) -> str:
    process = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=True)
    return "; ".join(process.stdout.splitlines())


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
        return Finding("torch", fact, "install the CUDA build, see docs/running.md")
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


def check_slurm() -> Finding:
    """Ask the controller for its partitions; a machine without SLURM is fine."""
    tool = shutil.which("sinfo")
    if tool is None:
        return Finding("SLURM", "not installed; needed for a cluster only")
    if "SLURM_CONF" not in os.environ and not _SLURM_CONFIGURATION.is_file():
        return Finding("SLURM", "installed, not configured; needed for a cluster only")
    try:
        partitions = _output(tool, "--noheader", "--format=%P %a %D %T") or "no partitions"
    except subprocess.CalledProcessError as error:
        message = (error.stderr.strip().splitlines() or ["no message"])[-1]
        return Finding("SLURM", f"sinfo fails: {message}", "start slurmctld, or see SLURM_CONF")
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("SLURM", f"sinfo fails: {error}", "ask the cluster's administrator")
    try:
        return Finding("SLURM", f"{partitions}; {_SLURM_PLUGIN} {version(_SLURM_PLUGIN)}")
    except PackageNotFoundError:
        fix = f"pip install {_SLURM_PLUGIN}"
        return Finding("SLURM", f"{partitions}; no {_SLURM_PLUGIN}", fix)
