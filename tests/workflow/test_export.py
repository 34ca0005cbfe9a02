"""`fd2 export` on the finished tiny workflow, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fd2
from fd2.artifacts.exports import read_export

pytestmark = pytest.mark.workflow
TINY = ("--configfile", "config/tiny.yaml")
SET = "tiny/sre2lpp/fd2/base/ipc2"


def export(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-m", "fd2", "export", *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_set_is_exported_with_labels_and_what_its_students_reached(expendable: Any) -> None:
    results = expendable.folder / "results"
    done = export(expendable.folder, SET, "--with-labels", *TINY, "--", "--cores", "1")
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()[0], done.stdout.splitlines()[-1]
    path = f"results/exports/{SET}-with-labels.zip"
    assert first == f"snakemake {path} --configfile config/tiny.yaml --cores 1"
    assert last.startswith(f"{path}: ")
    told = read_export(expendable.folder / path)
    cell = json.loads((results / f"students/{SET}/resnet10t/seed0.json").read_text())
    (student,) = (kind for kind in told["students"] if kind["set"])
    (other,) = (kind for kind in told["students"] if not kind["set"])
    assert student["set"]["balanced_top1_mean"] == cell["result"]["last"]["balanced_top1"]
    # Random images have class labels alone here: a baseline of another kind.
    assert student["random"] is None and other["labels"] == "hard" and other["random"]["n"] == 1
    assert [one["training"] for one in told["full_data"]] == ["cal", "plain"]
    assert told["nearest"]["start"]["median"] > 0
    settings = ("epochs", "momentum", "learning_rate", "weight_decay", "eta", "temperature")
    assert told["training"] == {key: cell["settings"][key] for key in settings}
    soft = fd2.load(expendable.folder / path, labels="soft")
    wanted = fd2.load(results / f"distilled/{SET}.safetensors", labels="soft")
    assert soft.classes == ("cracked", "sound") and len(soft) == len(wanted) == 8
    assert soft[5][1].tolist() == wanted[5][1].tolist()
    # Nothing else was made, and nothing is left to do.
    again = export(expendable.folder, SET, "--with-labels", *TINY, "--", "--dry-run")
    assert again.returncode == 0 and "Nothing to be done" in again.stdout + again.stderr


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (f"results/distilled/{SET}.safetensors", f"results/exports/{SET}.zip"),
        (f"exports/{SET}.zip", f"results/exports/{SET}.zip"),
    ],
)
def test_a_file_is_a_name_too(finished: Any, name: str, path: str) -> None:
    done = export(finished.folder, name, "--as-it-is", *TINY, "--", "--dry-run", "--cores=1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"snakemake {path} --allowed-rules export ")
    assert "export" in done.stdout + done.stderr and "MiB" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["tiny/sre2lpp"], ["no name of a set: 'tiny/sre2lpp'", "DATASET/METHOD"]),
        (["tiny/sre2lpp/fd2/base/ipc0"], ["no name of a set"]),
        (["tiny/sre2lp/fd2/base/ipc2"], ["unknown method 'sre2lp'", "did you mean 'sre2lpp'"]),
        (["tinny/sre2lpp/fd2/base/ipc2"], ["unknown dataset 'tinny'", "did you mean 'tiny'"]),
        ([SET, "--json"], ["prints no JSON"]),
        ([SET, "--with-labels", "--format", "ddranking"], ["run the command twice"]),
        ([SET, "--format", "numpy"], ["invalid choice: 'numpy'"]),
        (["tiny/random/plain/hard-labels/ipc2"], ["shares those of base"]),
    ],
)
def test_what_is_no_set_is_refused(finished: Any, arguments: list[str], told: list[str]) -> None:
    done = export(finished.folder, *arguments, *TINY)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert all(words in done.stderr for words in told), done.stderr


def test_more_images_than_are_distilled_are_refused(finished: Any) -> None:
    done = export(finished.folder, SET.replace("ipc2", "ipc9"), *TINY)
    assert done.returncode != 0 and "only 2 slots are distilled" in done.stdout + done.stderr
