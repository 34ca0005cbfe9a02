"""A vision transformer, sets of what it looks at, and students of these, through snakemake."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fd2.artifacts.exports import read_export
from fd2.artifacts.images import read_distilled

pytestmark = pytest.mark.workflow
SHEET = """\
dataset,method,fd2,variant,ipc,student,published
tiny,full,plain,base,,test_vit,
tiny,focusdd,plain,base,2,test_vit,
tiny,focusdd,plain,focusdd-any,2,test_vit,
tiny,focusdd,plain,fine-tuned,2,test_vit,
"""
SHAPE = {"resolution": 16, "patch_size": 2, "width": 16, "depth": 2, "heads": 2}
CONFIG: dict[str, Any] = {
    "tables": ["looked"],
    "pretrain": {"transformer": SHAPE},
    "distill": {"methods": {"focusdd": {"teachers": ["test_vit"]}}},
    "relabel": {"teachers": ["test_vit"]},
    "evaluate": {"transformer": SHAPE, "fine_tuning": {"learning_rate": 0.001, "batch_size": 8}},
    "variants": {"fine-tuned": {"evaluate": {"fine_tuning": {"epochs": 2}}}},
}
#: Inputs of a selection that is timed: a transformer, the scorer of its crops, or none.
MEASURED: dict[str, set[str]] = {"focusdd": {"teacher0"}, "rded": {"teacher0"}, "random": set()}
ARGUMENTS = ("--configfile", "config/tiny.yaml", "config/looked.yaml")


@pytest.fixture
def looked(tiny: Any) -> Any:
    """The tiny workflow with a sheet of FocusDD; each class has eight images."""
    tiny.write("config/looked.yaml", CONFIG)
    tiny.write("config/tables/looked.csv", SHEET)
    return tiny


def test_from_a_transformer_to_a_table(looked: Any) -> None:
    assert looked.dry_run("looked", *ARGUMENTS) == {
        **{"prepare": 1, "pretrain": 1, "select_images": 2, "relabel": 2, "evaluate": 3},
        **{"tabulate": 1, "looked": 1},
    }
    done = looked.snakemake("looked", "--cores", "2", *ARGUMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    results = looked.folder / "results"
    assert "FocusDD" in (results / "tables/looked.md").read_text()
    record = json.loads((results / "distilled/tiny/focusdd/plain/base/ipc2.json").read_text())
    assert (record["chosen"]["grid"], record["chosen"]["side"]) == (8, 6)
    assert set(record["inputs"]) == {"teacher0"}
    made = read_distilled(results / "distilled/tiny/focusdd/plain/base/ipc2.safetensors")
    assert made.images.shape == (4, 3, 32, 32)
    cells = results / "students/tiny/focusdd/plain"
    for variant, epochs in (("base", None), ("fine-tuned", 2)):
        cell = json.loads((cells / variant / "ipc2/test_vit/seed0.json").read_text())
        assert cell["settings"]["transformer"] == SHAPE
        own = cell["settings"]["fine_tuning"]
        assert (own and own["epochs"]) == epochs
        assert cell["result"]["last"]["epoch"] == cell["settings"]["epochs"] + (epochs or 0) - 1
    # Nothing is made twice.
    assert looked.dry_run("looked", *ARGUMENTS) == {}
    archive = "results/exports/tiny/focusdd/plain/base/ipc2.zip"
    timed = [f"results/measured/tiny/{method}/plain/base/ipc2.json" for method in MEASURED]
    done = looked.snakemake(archive, *timed, "--cores", "1", *ARGUMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert read_export(looked.folder / archive)["cells"] == "cells.csv"
    for path, inputs in zip(timed, MEASURED.values(), strict=True):
        measured = json.loads((looked.folder / path).read_text())
        assert measured["iterations"]["first"]["images"] == 4
        assert set(measured["inputs"]) == inputs
    # Crops were scored within the job that was timed.
    assert not list((results / "patches").rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"distill": {"methods": {"focusdd": {"teachers": ["resnet10t"]}}}}, ["no class token"]),
        ({"distill": {"methods": {"focusdd": {"cells": 9}}}}, ["18 are wanted, 9 for each"]),
        ({"pretrain": {"transformer": {"patch_size": 3}}}, ["16 pixels in patches of 3"]),
        ({"distill": {"methods": {"focusdd": {"side_ratio": 1.2}}}}, ["is 1.2", "at most 1"]),
    ],
)
def test_what_cannot_be_looked_at_is_refused_before_the_first_job(
    looked: Any, changes: dict[str, Any], messages: list[str]
) -> None:
    looked.write("config/changed.yaml", changes)
    done = looked.snakemake("looked", "--dry-run", *ARGUMENTS, "config/changed.yaml")
    output = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback (most" not in output, output
    for message in (*messages, "where:", "fix:"):
        assert message in output, output


def test_students_have_as_many_real_images_to_be_tuned_on(looked: Any) -> None:
    """Other methods make more images of a class than it has."""
    changed = {"relabel": {"batch_size": 18}, "evaluate": {"fine_tuning": {"epochs": 1}}}
    looked.write("config/changed.yaml", changed)
    target = "results/students/tiny/dm/plain/base/ipc9/test_vit/seed0.json"
    done = looked.snakemake(target, "--dry-run", *ARGUMENTS, "config/changed.yaml")
    output = done.stdout + done.stderr
    assert done.returncode == 1 and "8 training images, 9 are wanted" in output, output
