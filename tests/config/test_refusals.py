"""Faults in configs and sheets, refused by name before anything is planned."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from fd2.errors import FD2Error
from fd2.planning.project import open_project

REPOSITORY = Path(__file__).resolve().parents[2]
SHEETS = ", ".join(sorted(path.stem for path in REPOSITORY.glob("config/tables/*.csv")))
HEADER = "dataset,method,fd2,variant,ipc,student,published\n"


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """A folder with the shipped config."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    (tmp_path / "Snakefile").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("settings", "messages"),
    [
        ({"seed": 1}, ["unknown key 'seed'", "did you mean 'seeds'?"]),
        (
            {"distill": {"methods": {"sre2lpp": {"iteration": 5}}}},
            ["unknown key 'distill.methods.sre2lpp.iteration'", "did you mean 'iterations'?"],
        ),
        (
            {"pretrain": {"epochs": "many"}},
            [
                "'pretrain.epochs' is 'many'",
                "give a whole number (Passes over the training images.)",
            ],
        ),
        (
            {"pretrain": {"cal_ratio": 1.5}},
            ["'pretrain.cal_ratio' is 1.5", "give at least 0 and at most 1"],
        ),
        ({"device": "gpu"}, ["'device' is 'gpu'", "allowed: auto, cpu, cuda"]),
        ({"preset": "papers"}, ["unknown preset 'papers'", "did you mean 'paper'?"]),
        (
            {"datasets": {"mine": {"kind": "imagefolders", "path": "x", "resolution": 32}}},
            ["'datasets.mine.kind' is 'imagefolders'", "did you mean 'imagefolder'?"],
        ),
        (
            {"datasets": {"mine": {"kind": "imagefolder", "resolution": 32}}},
            ["missing key 'datasets.mine.path'"],
        ),
        (
            {"relabel": {"teachers": ["resnet8"]}},
            ["'relabel.teachers.0' is 'resnet8'", "did you mean 'resnet18'?"],
        ),
        (
            {"distill": {"fd2": {"regularisers": {"similarty": {"weight": 1}}}}},
            ["unknown key 'distill.fd2.regularisers.similarty'", "did you mean 'similarity'?"],
        ),
        (
            {"distill": {"methods": {"sre2lppp": {}}}},
            ["unknown key 'distill.methods.sre2lppp'", "did you mean 'sre2lpp'?"],
        ),
        (
            {"overrides": {"a": {"where": {"ipc": 5}, "set": {"distill": {"seed": 1}}}}},
            ["override 'a' changes 'distill' depending on ipc", "dataset, method, fd2 only"],
        ),
        (
            {"variants": {"v": {"destill": {"group_size": 2}}}},
            ["unknown key 'variants.v.destill'", "did you mean 'distill'?"],
        ),
        ({"variants": {"base": {"distill": {"seed": 1}}}}, ["variant name 'base'"]),
        ({"variants": {"v": {}}}, ["'variants.v'"]),
        (
            {"figures": {"curves": {"dataset": "elvp"}}},
            ["unknown dataset 'elvp'", "figures.curves", "did you mean 'elpv'?"],
        ),
        (
            {"figures": {"curves": {"kind": "training_curve"}}},
            ["'figures.curves.kind' is 'training_curve'", "did you mean 'training_curves'?"],
        ),
        ({"tables": ["tabel1"]}, ["no sheet for table 'tabel1'", f"allowed: {SHEETS}"]),
    ],
    ids=str,
)
def test_setting(workflow: Path, settings: Any, messages: list[str]) -> None:
    (workflow / "config/wrong.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(FD2Error) as refused:
        open_project(workflow, ["config/wrong.yaml"])
    for message in messages:
        assert message in str(refused.value)
    assert refused.value.where and refused.value.fix


def test_students_cannot_train_longer_than_labels_are_stored(workflow: Path) -> None:
    (workflow / "config/wrong.yaml").write_text("evaluate: {epochs: 500}")
    with pytest.raises(FD2Error, match=r"'evaluate.epochs' is 500, 'relabel.epochs' only 400"):
        open_project(workflow, ["config/wrong.yaml"])


@pytest.mark.parametrize(
    ("sheet", "messages"),
    [
        ("dataset,method\n", ["header 'dataset,method'", "kind 'students'", HEADER.strip()]),
        ("elpv,sre2lp,plain,base,1,resnet18,", ["unknown method 'sre2lp'", "mean 'sre2lpp'?"]),
        ("elpv,rded,plain,bases,1,resnet18,", ["unknown variant 'bases'", "mean 'base'?"]),
        ("elvp,rded,plain,base,1,resnet18,", ["unknown dataset 'elvp'", "mean 'elpv'?"]),
        ("elpv,rded,plain,base,1,resnet8,", ["unknown student 'resnet8'", "mean 'resnet18'?"]),
        ("elpv,rded,FD2,base,1,resnet18,", ["fd2 is 'FD2'", "line 2", "allowed: fd2, plain"]),
        ("elpv,rded,plain,base,one,resnet18,", ["not a number", "line 2"]),
        ("elpv,rded,plain,base,6,resnet18,", ["ipc 6 of method 'rded'", "only 5 slots"]),
    ],
    ids=str,
)
def test_sheet(workflow: Path, sheet: str, messages: list[str]) -> None:
    text = sheet if sheet.startswith("dataset") else f"{HEADER}{sheet}\n"
    (workflow / "config/tables/table1.csv").write_text(text)
    with pytest.raises(FD2Error) as refused:
        open_project(workflow, [])
    for message in [*messages, "config/tables/table1.csv"]:
        assert message in str(refused.value)
    assert refused.value.fix


@pytest.mark.parametrize(
    ("content", "message"),
    [("a: [1,\nb: 2\n", "not YAML"), ("- 1\n", "not a mapping of settings")],
    ids=["syntax", "list"],
)
def test_preset_that_is_no_mapping(workflow: Path, content: str, message: str) -> None:
    (workflow / "config/presets/paper.yaml").write_text(content)
    with pytest.raises(FD2Error, match=message) as refused:
        open_project(workflow, [])
    assert "config/presets/paper.yaml" in refused.value.where
