"""Classes that arrive in steps through snakemake: from photographs of four grades to a table."""

from __future__ import annotations

import contextlib
import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fd2.commands.adopt import judge
from fd2.lineage import origin
from fd2.planning.forecast import describe, forecast
from fd2.planning.jobs import read_jobs
from fd2.planning.measurements import read_measurements
from fd2.planning.project import open_project
from fd2.training.class_steps import classes_seen

pytestmark = pytest.mark.workflow
GRADES = ("0.0", "0.3333333333333333", "0.6666666666666666", "1.0")
SHEET = """\
# kind: continual
# A note.
dataset,method,fd2,variant,ipc,student,steps
grades,full,plain,base,,resnet10t,2
grades,random,plain,base,2,resnet10t,2
grades,sre2lpp,plain,base,2,resnet10t,2
"""
ROWS = [{"method": name, "fd2": "plain", "variant": "base"} for name in ("random", "sre2lpp")]
CONFIG: dict[str, Any] = {
    "tables": ["steps"],
    "seeds": [0, 1],
    "figures": {
        "seen": {
            **{"kind": "continual_learning", "dataset": "grades", "ipc": 2, "steps": 2},
            **{"student": "resnet10t", "rows": [*ROWS, {**ROWS[0], "method": "full"}]},
        }
    },
    "datasets": {"grades": {"kind": "imagefolder", "path": "grades", "resolution": 32}},
}
ARGUMENTS = ("--configfile", "config/tiny.yaml", "config/steps.yaml")
ROW = "grades/sre2lpp/plain/base/ipc2/resnet10t"


def write_grades(folder: Path) -> None:
    """Eight and three photographs of solar cells of each grade of damage."""
    spec = find_spec("elpv_dataset")
    assert spec is not None and spec.origin is not None
    data = Path(spec.origin).parent / "data"
    rows = [line.split() for line in (data / "labels.csv").read_text().splitlines()]
    for number, grade in enumerate(GRADES):
        names = [row[0] for row in rows if row[1] == grade and row[2] == "poly"]
        for position, name in enumerate(names[:11]):
            target = folder / ("train" if position < 8 else "test") / f"grade{number}"
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(data / name, target)


@pytest.fixture
def graded(tiny: Any) -> Any:
    """The tiny workflow with a sheet of steps."""
    write_grades(tiny.folder / "grades")
    tiny.write("config/steps.yaml", CONFIG)
    tiny.write("config/tables/steps.csv", SHEET)
    return tiny


def test_from_photographs_to_a_table_and_a_figure(graded: Any) -> None:
    before = {"prepare": 1, "pretrain": 1, "patches": 1, "select_images": 1, "distill": 1}
    plan = {**before, "assemble": 1, "learn_continually": 4, "learn_continually_real": 2}
    plan |= {"draw": 1, "tabulate": 1, "seen": 1, "steps": 1}
    assert graded.dry_run("steps", "seen", *ARGUMENTS) == plan
    cell = f"results/students/{ROW}/seed1.json"
    done = graded.snakemake("steps", "seen", cell, "--cores", "2", *ARGUMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    results = graded.folder / "results"
    frame = pd.read_csv(results / "tables/steps.csv").set_index(["method", "step"])
    assert frame["n"].tolist() == [2] * 6 and frame["seen"].tolist() == [2, 4] * 3
    shown = (results / "tables/steps.md").read_text()
    assert "A note." in shown and "| 2 classes | 4 classes |" in shown and "missing" not in shown
    assert len(pd.read_csv(results / "figures/seen.csv")) == 6
    # The labels that are stored are those that teachers gave at the last step.
    (steps,) = json.loads((results / f"continual/{ROW}/steps2/seed1.json").read_text())[
        "result"
    ].values()
    student = json.loads((graded.folder / cell).read_text())["result"]
    assert steps[1]["loss"] == student["curve"][-1]["loss"]
    assert steps[1]["correct"] == student["correct"]
    first, _ = classes_seen("grades", 4, 2, 1)
    assert steps[0]["new_classes"] == [f"grade{number}" for number in first]
    assert all(len(digits) == 3 for digits in steps[0]["correct"].values())
    assert graded.dry_run("steps", "seen", *ARGUMENTS) == {}
    _verified(graded)
    other = f"results/continual/{ROW}/steps1/seed1.json"
    assert graded.dry_run(other, *ARGUMENTS) == {"learn_continually": 1}


def _verified(graded: Any) -> None:
    """As they lie, also where copied from elsewhere; and what `fd2 plan` knows of them."""
    project = open_project(graded.folder, ARGUMENTS[1:])
    jobs = read_jobs(project, ["steps"])
    own = [job for job in jobs if job.rule.startswith("learn_continually")]
    with contextlib.chdir(graded.folder):
        assert len(own) == 6 and judge(project, own).misfit == {}
        known = forecast(describe(project, own), read_measurements(project), "measured")
        assert {one.basis for one in known} == {"measured"}
        assert all(one.work is not None and one.seconds for one in known)
        found = origin(Path("results"), Path(f"results/continual/{ROW}/steps2/seed0.json"))
    assert found is not None and not found.faults
    assert [one.role for one in found.inputs] == ["distilled", "teacher0"]


@pytest.mark.parametrize("method", ["random", "full"])
def test_more_steps_than_classes_allow_are_refused_before_a_job(graded: Any, method: str) -> None:
    lines = [line for line in SHEET.splitlines() if f",{method}," in line or line[:7] == "dataset"]
    text = "\n".join(["# kind: continual", *lines, ""]).replace("resnet10t,2", "resnet10t,4")
    graded.write("config/tables/steps.csv", text)
    done = graded.snakemake("steps", "--dry-run", *ARGUMENTS)
    output = done.stdout + done.stderr
    assert done.returncode == 1 and "4 classes in 4 steps" in output and "at most 3" in output
    assert "Traceback (most recent" not in output
