"""The compiler is imported by what compiles, and by nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

EAGER = """
import sys
from fd2.runtime.lazy_compiler import import_compiler_late
import_compiler_late()
import timm, torch, torchvision
layer = torch.nn.Linear(3, 2)
for kind in (torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD):
    optimiser = kind(layer.parameters(), 0.1)
    layer(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    optimiser.zero_grad()
"""
COMPILED = """
from torch._dynamo.utils import counters
assert not counters
step = torch.compile(lambda x: (x * x).sum(), backend="aot_eager", fullgraph=True)
x = torch.tensor([2.0, 3.0], requires_grad=True)
step(x).backward()
assert counters["stats"]["unique_graphs"] == 1, counters
assert x.grad.tolist() == [4.0, 6.0]
import torch._dynamo
assert torch._dynamo is sys.modules["torch._dynamo"] and torch._dynamo.__file__
with torch.no_grad():
    boxes = torch.tensor([[0.0, 0.0, 0.0, 3.0, 3.0]])
    assert torchvision.ops.roi_align(torch.ones(1, 1, 4, 4), boxes, 1).item() == 1
optimiser.step()
"""


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_eager_steps_import_no_compiler() -> None:
    run(f"{EAGER}assert not [name for name in sys.modules if name.startswith('torch._inductor')]")


@pytest.mark.slow
def test_what_compiles_imports_it() -> None:
    run(EAGER + COMPILED)


@pytest.mark.slow
def test_what_is_imported_stays() -> None:
    run(f"import sys, torch._dynamo\n{EAGER}assert sys.modules['torch._dynamo'].__file__")
