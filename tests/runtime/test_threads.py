"""Jobs compute with the threads that are set, whatever cores they are given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fd2.errors import FD2Error
from fd2.runtime.threads import require_threads

#: Sums, products and convolutions, whose last bits depend on the number of threads.
SCRIPT = """
import hashlib, os, sys
os.sched_setaffinity(0, {int(core) for core in sys.argv[1].split(",")})
from fd2.runtime.threads import use_threads
use_threads(int(sys.argv[2]))
import torch
torch.manual_seed(0)
images = torch.randn(8, 3, 64, 64)
layers = torch.nn.Sequential(
    torch.nn.Conv2d(3, 32, 3), torch.nn.BatchNorm2d(32), torch.nn.ReLU(), torch.nn.Conv2d(32, 64, 3)
)
loss = layers(images).square().mean() + (images.flatten(1) @ images.flatten(1).T).sum().sin()
loss.backward()
gradients = torch.cat([p.grad.flatten() for p in layers.parameters()] + [images.sum()[None]])
print(hashlib.sha256(gradients.numpy().tobytes()).hexdigest())
"""


def computed(cores: set[int], threads: int, **environment: str) -> str:
    source = Path(__file__).resolve().parents[2] / "src"
    words = [",".join(map(str, cores)), str(threads)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words],
        env={**os.environ, "PYTHONPATH": str(source), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_the_same_bits_on_fewer_cores() -> None:
    cores = os.sched_getaffinity(0)
    two = computed(cores, 2)
    assert computed(cores, 1) != two, "what is computed here does not depend on threads"
    assert computed({min(cores)}, 2) == two
    assert computed(cores, 2, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1") == two
    assert computed(cores, 2, MKL_DYNAMIC="TRUE") == two


@pytest.mark.parametrize(
    ("name", "value", "threads"), [("OMP_THREAD_LIMIT", "1", 2), ("OMP_DYNAMIC", "TRUE", 2)]
)
def test_an_environment_that_allows_fewer_threads_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, threads: int
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(FD2Error, match=f"'threads.distill' is {threads}, but {name}") as refused:
        require_threads(threads, "threads.distill")
    assert f"unset {name}" in refused.value.fix
    require_threads(1, "threads.distill")
    monkeypatch.setenv("OMP_THREAD_LIMIT", "8")
    monkeypatch.setenv("OMP_DYNAMIC", "false")
    require_threads(8, "threads.distill")
