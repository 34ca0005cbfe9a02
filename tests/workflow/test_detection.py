"""Detection through snakemake: from photographs and annotated scenes to a table."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.detection.conftest import TINY, render

from fd2.commands.adopt import judge
from fd2.lineage import origin
from fd2.planning.forecast import describe, forecast
from fd2.planning.jobs import read_jobs
from fd2.planning.measurements import read_measurements
from fd2.planning.project import open_project

pytestmark = pytest.mark.workflow
SHEET = """\
# kind: detection
# A note.
dataset,method,fd2,variant,ipc,scenes,annotator,detector
tiny,full,plain,base,,cells,,small
tiny,random,plain,base,2,cells,own,small
"""
ANNOTATOR: dict[str, Any] = {
    **{"network": None, "weights_file": None, "detector": "small", "seed": 0},
    **{"score_threshold": 0.0, "classes": "any", "class_map": "tiny"},
}
CONFIG: dict[str, Any] = {
    "tables": ["found"],
    "figures": {},
    "detection": {
        "scenes": {"cells": {"path": "scenes", "train": "train", "val": "val"}},
        "annotators": {"own": ANNOTATOR},
        "detectors": {"small": {**TINY, "epochs": 1}},
    },
}
MAP = "class,category\nsound,mono\ncracked,poly\n"
BELOW = "tiny/random/plain/base/ipc2/cells/own"
ARGUMENTS = ("--configfile", "config/tiny.yaml", "config/found.yaml")


@pytest.fixture
def found(expendable: Any, cell_images: Path) -> Any:
    """The finished tiny workflow with scenes and a sheet of detection."""
    render(expendable.folder / "scenes", cell_images / "train", {"train": 5, "val": 2})
    expendable.write("config/found.yaml", CONFIG)
    expendable.write("config/tables/found.csv", SHEET)
    expendable.write("config/class_maps/tiny.csv", MAP)
    return expendable


def test_from_scenes_to_a_table(found: Any) -> None:
    made = {"annotate": 1, "train_detector": 1, "tabulate": 1, "found": 1}
    scenes = {"prepare_scenes": 1, "train_detector_real": 1}
    assert found.dry_run("found", *ARGUMENTS) == {**scenes, **made}
    done = found.snakemake("--cores", "2", *ARGUMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    results = found.folder / "results"
    frame = pd.read_csv(results / "tables/found.csv")
    assert "Mean average precision" in (results / "report/index.html").read_text()
    names = ("cells/full/small", f"{BELOW}/small")
    for line, name in enumerate(names):
        result = json.loads((results / f"detectors/{name}/seed0.json").read_text())["result"]
        assert frame["map_mean"][line] == pytest.approx(result["map"], abs=1e-4)
        assert frame["boxes"][line] == result["boxes"] > 0 and result["tested_images"] == 2
    assert found.dry_run("found", *ARGUMENTS) == {}
    # Verified as they lie, also where they were copied from elsewhere.
    project = open_project(found.folder, ARGUMENTS[1:])
    own = [job for job in read_jobs(project, ["found"]) if job.rule in {**scenes, **made}]
    with contextlib.chdir(found.folder):
        recorded = [job for job in own if job.rule not in ("tabulate", "found")]
        verdicts = judge(project, recorded)
        assert sorted(job.rule for job in verdicts.fit) == sorted(
            {*scenes, *made} - {"tabulate", "found"}
        )
        for path in (
            "scenes/cells/val.safetensors",
            "detectors/cells/full/small/seed0.safetensors",
            f"annotations/{BELOW}.json",
            f"detectors/{BELOW}/small/seed0.json",
        ):
            told = origin(Path("results"), Path("results", path))
            assert told is not None and not told.faults, path
    known = forecast(describe(project, recorded), read_measurements(project), "measured")
    measured = {one.job.rule for one in known if one.basis == "measured"}
    assert {"annotate", "train_detector"} <= measured
    # Another category of a class annotates again; a note in the file, nothing.
    found.write("config/class_maps/tiny.csv", MAP.replace("cracked,poly", "cracked,mono"))
    assert found.dry_run("found", *ARGUMENTS) == made
    found.write("config/class_maps/tiny.csv", MAP)
    assert found.dry_run("found", *ARGUMENTS) == {}
    # Where boxes are there, the job refuses; where not, the plan, by the scenes as prepared.
    found.write("config/class_maps/tiny.csv", MAP.replace("poly", "polly"))
    assert found.dry_run("found", *ARGUMENTS) == made
    boxes, photographs = results / f"annotations/{BELOW}.json", found.folder / "scenes"
    written = boxes.read_bytes()
    boxes.unlink()
    photographs.rename(found.folder / "away")
    done = found.snakemake(f"results/annotations/{BELOW}.json", "--dry-run", *ARGUMENTS)
    assert done.returncode == 1 and "unknown category 'polly'" in done.stdout + done.stderr
    (found.folder / "away").rename(photographs)
    boxes.write_bytes(written)
    found.write("config/class_maps/tiny.csv", MAP)
    # Other settings of detectors train these again.
    longer = {**CONFIG["detection"], "detectors": {"small": {**TINY, "epochs": 2}}}
    found.write("config/found.yaml", {**CONFIG, "detection": longer})
    plan = {"train_detector_real": 1, **made}
    assert found.dry_run("found", *ARGUMENTS) == plan


def test_a_class_that_the_dataset_has_not_is_refused_before_a_job(found: Any) -> None:
    found.write("config/class_maps/tiny.csv", MAP.replace("sound", "sounds"))
    done = found.snakemake("found", "--cores", "1", *ARGUMENTS)
    told = done.stdout + done.stderr
    assert done.returncode == 1 and "unknown class 'sounds'" in told and "tiny.csv, line 2" in told
    assert not (found.folder / "results/scenes").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "unknown category 'polly'; tiny.csv, line 3"),
        (
            {"network": "fasterrcnn_resnet50_fpn", "detector": None, "class_map": None},
            "the annotator knows no category of scenes 'cells': mono, poly",
        ),
    ],
)
def test_an_annotator_of_other_categories_is_refused_before_a_job_and_by_the_first_one(
    found: Any, changes: dict[str, Any], message: str
) -> None:
    """The first job has the annotation file, also where the plan was made without it."""
    found.write("config/class_maps/tiny.csv", MAP.replace("poly", "polly"))
    annotators = {"annotators": {"own": {**ANNOTATOR, **changes}}}
    found.write("config/found.yaml", {**CONFIG, "detection": {**CONFIG["detection"], **annotators}})
    for target in ("found", "results/scenes/cells/val.safetensors"):
        done = found.snakemake(target, "--cores", "1", *ARGUMENTS)
        told = done.stdout + done.stderr
        assert done.returncode == 1 and all(part in told for part in message.split("; "))
        assert (found.folder / "logs/scenes/cells.log").exists() == (target != "found")
        assert not (found.folder / "results/scenes/cells/record.json").exists()


def test_scenes_with_a_missing_image_are_refused_by_their_job(found: Any) -> None:
    (found.folder / "scenes/val/001.png").unlink()
    done = found.snakemake("results/scenes/cells/val.safetensors", "--cores", "1", *ARGUMENTS)
    told = done.stdout + done.stderr
    assert done.returncode == 1 and "1 of 2 images are not there: 001.png" in told
