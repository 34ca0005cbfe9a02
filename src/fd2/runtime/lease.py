"""Which of several GPUs a job takes: file locks that vanish with the process that holds them.

Snakemake counts GPUs but does not say which, so the jobs of one user on one machine agree among
themselves. A lock belongs to the open file, not to its content: the kernel frees it when the
process ends, also by SIGKILL, so there are no stale claims to clear.
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from fd2.errors import FD2Error

SECONDS_BETWEEN_TRIES = 0.2


def lease_folder() -> Path:
    """The folder of this user's locks on this machine, or in this SLURM allocation.

    Two allocations on a node may both call their device 0 although it is not the same one; only the
    jobs inside an allocation have to share.

    Raises:
        FD2Error: if another user owns the folder.
    """
    root = Path(tempfile.gettempdir()) / f"fd2-gpus-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    if root.is_symlink() or root.stat().st_uid != os.getuid():
        raise FD2Error(
            "the folder for GPU locks belongs to somebody else",
            str(root),
            "have it removed, or set TMPDIR to a folder of your own for all jobs of the machine",
        )
    folder = root / f"slurm-{os.environ.get('SLURM_JOB_ID', 'none')}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def lease(devices: Sequence[str], jobs_per_device: int, folder: Path) -> int:
    """Claim a device until the process ends and return its position; wait where all are taken.

    The devices with the fewest jobs come first, so that two jobs, of at most ``jobs_per_device``,
    share one only when every other is taken too. A name means the same device in every process that
    keeps its locks in ``folder``.

    Raises:
        FD2Error: if there is no device, or ``jobs_per_device`` is below 1.
    """
    if not devices or jobs_per_device < 1:
        raise FD2Error(
            f"no GPU to share: {len(devices)} devices, {jobs_per_device} jobs on each",
            "setting 'jobs_per_gpu' and the visible devices (nvidia-smi, CUDA_VISIBLE_DEVICES)",
            "make a GPU visible and set 'jobs_per_gpu' to 1 or more",
        )
    waited = False
    while True:
        for slot in range(jobs_per_device):
            for index, device in enumerate(devices):
                file = folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', device)}.{slot}.lock"
                if _lock(file):
                    return index
        if not waited:
            names = ", ".join(devices)
            print(f"waiting for a GPU: all of {names} are taken ({folder})", flush=True)
            waited = True
        time.sleep(SECONDS_BETWEEN_TRIES)


def _lock(file: Path) -> bool:
    """Lock ``file`` for the rest of the process, unless another one holds it."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    return True
