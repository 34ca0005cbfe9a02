"""The complexity of classes through snakemake: from photographs to a table."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fd2.commands.adopt import judge
from fd2.config.layers import merge
from fd2.lineage import origin
from fd2.planning.forecast import describe, forecast
from fd2.planning.jobs import read_jobs
from fd2.planning.measurements import read_measurements
from fd2.planning.project import open_project

pytestmark = pytest.mark.workflow
SHEET = """\
# kind: complexity
# A note.
dataset,backbone,training,group
tiny,resnet10t,plain-fine,
tiny,convnet,plain,
tiny,convnet,plain,cells
"""
BELOW = "complexity/tiny"
NETWORKS = ("resnet10t/plain-fine", "convnet/plain")
#: Maps of 16 cells; those of the tiny workflow's own teachers have one.
CONFIG: dict[str, Any] = {
    "tables": ["looked"],
    "figures": {},
    "variants": {"fine": {"pretrain": {"stem": "cifar"}}},
    "complexity": {"groups": {"cells": {"dataset": "tiny", "classes": None, "size": 1}}},
}
ARGUMENTS = ("--configfile", "config/tiny.yaml", "config/looked.yaml")


@pytest.fixture
def looked(expendable: Any) -> Any:
    """The finished tiny workflow with a sheet of complexity."""
    expendable.write("config/looked.yaml", CONFIG)
    expendable.write("config/tables/looked.csv", SHEET)
    return expendable


def test_from_teachers_to_a_table(looked: Any) -> None:
    plan = {"measure_complexity": 2, "tabulate": 1, "looked": 1}
    assert looked.dry_run("looked", *ARGUMENTS) == {"pretrain": 2, **plan}
    # With the page, which shows the table; the figures are there.
    done = looked.snakemake("--cores", "2", *ARGUMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    results = looked.folder / "results"
    frame = pd.read_csv(results / "tables/looked.csv")
    shown = (results / "tables/looked.md").read_text()
    assert "Complexity as of Comp-DD" in (results / "report/index.html").read_text()
    assert "A note." in shown and (results / "tables/looked.tex").is_file()
    for line, network in enumerate(NETWORKS):
        result = json.loads((results / BELOW / f"{network}.json").read_text())["result"]
        for measure in ("complexity", "easy_complexity", "hard_complexity"):
            numbers = [frame[f"{measure}_{t:g}"][line] for t in (0.1, 0.5, 0.9)]
            assert numbers == pytest.approx(result[measure], abs=1e-4)
        assert " / ".join(f"{value:.3f}" for value in result["complexity"]) in shown
        classes = pd.read_csv(results / BELOW / f"{network}.csv")
        assert sorted(classes["name"]) == ["cracked", "sound"]
        assert sorted(classes["half"]) == ["easy", "hard"]
    names = {"cracked", "sound"}
    assert {frame["easy_classes"][2], frame["hard_classes"][2]} == names
    assert frame["easy_complexity_0.5"][2] == frame["easy_complexity_0.5"][1]
    assert looked.dry_run("looked", *ARGUMENTS) == {}
    # Another group fills the table anew, and looks at no image.
    group = {"dataset": "tiny", "classes": ["sound", "cracked"], "size": None}
    looked.write("config/looked.yaml", {**CONFIG, "complexity": {"groups": {"cells": group}}})
    assert looked.dry_run("looked", *ARGUMENTS) == {"tabulate": 1, "looked": 1}
    wrong = {**group, "classes": ["sound", "crackt"]}
    looked.write("config/looked.yaml", {**CONFIG, "complexity": {"groups": {"cells": wrong}}})
    refused = looked.snakemake("looked", "--dry-run", *ARGUMENTS)
    assert refused.returncode == 1
    assert "did you mean 'cracked'?" in refused.stdout + refused.stderr
    looked.write("config/looked.yaml", CONFIG)
    # Verified as they lie, also where they were copied from elsewhere.
    project = open_project(looked.folder, ARGUMENTS[1:])
    jobs = read_jobs(project, ["looked"])
    own = [job for job in jobs if job.rule == "measure_complexity"]
    with contextlib.chdir(looked.folder):
        assert len(own) == 2 and judge(project, own).fit == own
    # Its records tell `fd2 plan` how long such jobs take.
    known = forecast(describe(project, own), read_measurements(project), "measured")
    assert [(one.basis, one.work is not None) for one in known] == [("measured", True)] * 2
    with contextlib.chdir(looked.folder):
        found = origin(Path("results"), Path("results", BELOW, f"{NETWORKS[0]}.json"))
    assert found is not None and not found.faults
    (one,) = found.inputs
    assert one.path == Path("results/teachers/tiny", f"{NETWORKS[0]}.safetensors")
    # Other thresholds, or another way to make maps, measure again and train nothing.
    looked.write("config/looked.yaml", merge(CONFIG, {"complexity": {"maps": "grad_cam"}}))
    assert looked.dry_run("looked", *ARGUMENTS) == plan


def test_only_what_it_depends_on_makes_it_anew(looked: Any) -> None:
    target = f"results/{BELOW}/convnet/plain.json"
    plan = {"pretrain": 1, "measure_complexity": 1}
    assert looked.dry_run(target, *ARGUMENTS) == plan
    assert looked.dry_run(target.replace("json", "csv"), *ARGUMENTS) == plan
    done = looked.snakemake(target, "--cores", "1", *ARGUMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    for path, plan in (
        ("src/fd2/diagnostics/complexity.py", {"measure_complexity": 1}),
        ("src/fd2/networks/activation_maps.py", {"measure_complexity": 1}),
        ("src/fd2/diagnostics/class_structure.py", {}),
    ):
        with looked.edited(path):
            assert looked.dry_run(target, *ARGUMENTS) == plan


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("resnet18/plane.json", "unknown file 'plane.json'"),
        ("resnet8/plain.json", "unknown backbone 'resnet8'"),
    ],
)
def test_an_unknown_network_is_refused(sources: Any, path: str, message: str) -> None:
    done = sources.snakemake(f"results/complexity/elpv/{path}", "--dry-run")
    assert done.returncode == 1 and message in done.stdout + done.stderr
