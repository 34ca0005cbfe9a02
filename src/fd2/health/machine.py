"""Cores, memory and limits on it, GPUs and whether torch can use them, the compiler, and SLURM."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fd2.config.stages import SECTIONS
from fd2.errors import FD2Error
from fd2.health import Finding, fault
from fd2.planning.disk import amount
from fd2.planning.project import Project
from fd2.runtime.device import nvidia_gpu_visible, planned_device
from fd2.runtime.threads import usable_cores

_TIMEOUT = 30
_CGROUPS, _CGROUP_ROOT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
#: Larger numbers stand for no limit.
_NO_LIMIT = 2**60
_LEAST_MEMORY = 2 * 10**9
_SLURM_PLUGIN = "snakemake-executor-plugin-slurm"
_SLURM_CONFIGURATION = Path("/etc/slurm/slurm.conf")


def check_memory() -> Iterator[Finding]:
    """The machine's memory, and what a container, a scheduler or a shell leaves of it."""
    limits = {
        "machine": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        **dict(_cgroup_limits()),
        "ulimit -v": resource.getrlimit(resource.RLIMIT_AS)[0],
    }
    known = {name: limit for name, limit in limits.items() if 0 < limit < _NO_LIMIT}
    fact = ", ".join(f"{name} {amount(limit)}" for name, limit in known.items())
    least = min(known, key=lambda name: known[name])
    if known[least] < _LEAST_MEMORY:
        fix = f"a job takes about {amount(_LEAST_MEMORY)}: raise what {least} leaves of it"
        yield Finding("memory", fact, fix)
    else:
        yield Finding("memory", fact)


def _cgroup_limits() -> Iterator[tuple[str, int]]:
    """Limits of this process's control groups, version 2 or 1, and of those above them."""
    try:
        lines = _CGROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = _CGROUP_ROOT / "memory" if controllers else _CGROUP_ROOT
        file = "memory.limit_in_bytes" if controllers else "memory.max"
        group = root / name.lstrip("/")
        for folder in (group, *group.parents):
            limit = folder / file
            if folder.is_relative_to(root) and limit.is_file():
                text = limit.read_text(encoding="utf-8").strip()
                if text.isdecimal():
                    yield f"cgroup {folder}", int(text)


def check_cores(project: Project) -> Finding:
    """Cores that this process may use, and what jobs ask for, by stage."""
    threads: Mapping[str, int] = project.settings.values["threads"]
    cores = usable_cores()
    most = max(threads, key=lambda stage: threads[stage])
    fact = f"{cores} cores; a job of stage {most} takes {threads[most]}"
    if threads[most] <= cores:
        return Finding("cores", fact)
    fix = (
        f"ask for more cores, or let jobs take longer, to the same result; 'threads.{most}' of "
        f"at most {cores} is as fast, and rounds differently"
    )
    return Finding("cores", fact, fix)


def check_compiler(project: Project) -> Iterator[Finding]:
    """The compiler, where a stage compiles its networks, by the setting ``compile`` of each."""
    values = project.settings.values
    sections = {stage: values[stage] for stage in SECTIONS}
    modes = {stage: section.get("compile", "none") for stage, section in sections.items()}
    wanted = {stage: mode for stage, mode in modes.items() if mode != "none"}
    if not wanted:
        return
    import torch

    from fd2.networks.compilation import require_compiler

    where = torch.device(planned_device(values["device"]))
    for stage, mode in wanted.items():
        try:
            require_compiler(mode, where, f"{stage}.compile")
        except FD2Error as error:
            yield fault("compiler", error)
        else:
            yield Finding("compiler", f"found; '{stage}.compile' is '{mode}'")


def check_devices(project: Project) -> Iterator[Finding]:
    """The NVIDIA driver, torch's build, and a small computation where a GPU is wanted."""
    visible = nvidia_gpu_visible()
    yield _driver(visible)
    yield _torch(project.settings.values["device"], visible)


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
    process = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=_TIMEOUT,
        check=True,
    )
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
