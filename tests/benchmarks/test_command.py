"""The command at tiny size: contenders run, and the numbers hang together."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from benchmarks.__main__ import QUICK_TEACHERS, QUICK_TRAINED, main
from benchmarks.contenders import QUICK, Contender, contenders
from benchmarks.jobs import start_up
from benchmarks.processes import Measurement
from benchmarks.report import markdown, share_of_bound
from benchmarks.traffic import arithmetic_and_traffic
from benchmarks.worker import build, difference

from fd2.errors import FD2Error
from fd2.runtime.job import Job

GROUP = "SRe²L++ + FD², ResNet18"
#: What is compiled needs a compiler; ten images a class take as long as all the rest.
OTHERS = [
    pytest.param(
        each,
        marks=pytest.mark.slow if each.compile != "none" or each.images_per_class > 1 else [],
    )
    for each in contenders(QUICK_TEACHERS, QUICK_TRAINED)
    if each.group != GROUP
]


@pytest.mark.slow
def test_the_command_measures_a_group_in_processes_of_their_own(tmp_path: Path) -> None:
    main(["--quick", "--threads", "1", "--only", GROUP, "--output", str(tmp_path / "run")])
    content = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    measured = {each["contender"]["label"]: each for each in content["measurements"]}
    wanted = [each.label for each in contenders() if each.group == GROUP]
    assert list(measured) == wanted
    for one in measured.values():
        assert one["flops"] > 0 and one["moved"] > 0 and one["peak_memory_mb"]["resident"] > 0
        assert len(one["seconds"]) == 1 and 0 < sum(one["operators"].values()) <= 1
    assert all(rate > 0 for rate in content["ceilings"].values())
    flops = {label: one["flops"] for label, one in measured.items()}
    # The same forward pass; the engine's gradient of the first layer has a padded kernel.
    assert 0.9 < flops["engine, float32"] / flops["reference, jobs' allocator"] < 1.2
    text = (tmp_path / "run.md").read_text(encoding="utf-8")
    assert all(f"| {label} |" in text for label in wanted)


@pytest.mark.slow
@pytest.mark.parametrize("contender", OTHERS, ids=lambda each: f"{each.group}, {each.label}")
def test_every_other_contender_runs(contender: Contender) -> None:
    """What compiles does so for real in tests/networks/test_compilation.py, in minutes."""
    case = {**asdict(contender), **asdict(QUICK)}
    case["inner_steps"] = min(contender.inner_steps, 3)
    repetition, units = build(case, Job(device=torch.device("cpu"), threads=1, started=""))
    flops, moved = arithmetic_and_traffic(repetition)
    with torch.compiler.set_stance("force_eager"):
        repetition()
    assert units >= 1 and flops > 0 and moved > 0


def test_a_contender_that_fails_shows_its_error(tmp_path: Path) -> None:
    with pytest.raises(FD2Error, match="ended with 1") as refused:
        main(["--quick", "--classes", "0", "--only", "patch", "--output", str(tmp_path / "run")])
    assert "patch scoring: 2×2" in refused.value.where and "Traceback" in refused.value.where
    assert not (tmp_path / "run.json").exists()


def test_the_start_of_processes_is_timed() -> None:
    (times,) = start_up(1, modules=("fd2.errors",)).values()
    assert len(times) == 1 and times[0] > 0
    rates = {"float32": 1.0, "bfloat16": 1.0, "copy": 1.0}
    assert "| `fd2.errors` |" in markdown([], rates, {"fd2.errors": times}, {})


def test_the_bound_is_the_slower_of_arithmetic_and_traffic() -> None:
    contender = contenders()[0]
    rates = {"float32": 100.0, "bfloat16": 400.0, "copy": 10.0}
    assert share_of_bound(Measurement(contender, 1, 1000, 50, {}, None, [20.0]), rates) == 0.5
    assert share_of_bound(Measurement(contender, 1, 1000, 150, {}, None, [20.0]), rates) == 0.75


@pytest.mark.parametrize(("way", "most"), [("graph", 0), ("sweep", 1e-3), ("tesla", 1)])
def test_a_trajectorys_gradient_is_compared(way: str, most: float) -> None:
    """TESLA leaves something out; the sweep rounds otherwise."""
    case = {"measure": "trajectory", "implementation": way, "images_per_class": 1, "inner_steps": 3}
    found = difference(case, torch.device("cpu"))
    assert found is not None and 0 <= found <= most and (found > 1e-3) == (way == "tesla")
    assert difference({"measure": "dm"}, torch.device("cpu")) is None
