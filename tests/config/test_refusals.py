"""Faults in configs and sheets, refused by name before anything is planned."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from fd2.config.stages import RULES
from fd2.errors import FD2Error
from fd2.planning.project import open_project

REPOSITORY = Path(__file__).resolve().parents[2]
SHEETS = ", ".join(sorted(path.stem for path in REPOSITORY.glob("config/tables/*.csv")))
HEADER = "dataset,method,fd2,variant,ipc,student,published\n"


FOLDER = {"kind": "imagefolder", "path": "photos", "resolution": 32}
FIGURE = {
    **{"kind": "training_curves", "dataset": "elpv", "ipc": 1, "student": "resnet18"},
    "rows": [{"method": "random", "fd2": "plain", "variant": "base"}],
}


def override(where: dict[str, object], stage: str = "distill") -> dict[str, Any]:
    """One override of a seed, or of the epochs of a stage without one."""
    changed = {"epochs": 1} if stage == "evaluate" else {"seed": 1}
    return {"overrides": {"mine": {"where": where, "set": {stage: changed}}}}


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
        (
            {"datasets": {"mine": {"kind": "imagefolder", "path": "x", "resolutoin": 32}}},
            ["unknown key 'datasets.mine.resolutoin'", "did you mean 'resolution'?"],
        ),
        ({"epochs": 3}, ["unknown key 'epochs'", "there is 'pretrain.epochs' and"]),
        ({"pretrain": None}, ["'pretrain' is null", "nothing stands there"]),
        ({"pretrain": {"epochs": 2.0}}, ["'pretrain.epochs' is 2.0", "write 2"]),
        ({"pretrain": {"learning_rate": "0,001"}}, ["write 0.001, without quotes"]),
        ({"evaluate": {"optimiser": "adam"}}, ["'evaluate.optimiser' is 'adam'", "'adamw'"]),
        ({"evaluate": {"momentum": 1}}, ["'evaluate.momentum' is 1", "less than 1"]),
        ({"pretrain": {"cal_ratio": True}}, ["'pretrain.cal_ratio' is true", "give a number"]),
        ({"seeds": 3}, ["'seeds' is 3", "write it in brackets: [3]"]),
        ({"seeds": [0, 0]}, ["0 stands twice in 'seeds'"]),
        ({"seeds_together": "yes"}, ["give true or false", "write true"]),
        ({"device": ["cpu"]}, ["write it without brackets"]),
        ({"device": "x" * 300_000}, ["'device' is 'xxx", "(300000 characters)"]),
        ({"x" * 300_000: 1}, ["unknown key 'xxx", "(300000 characters)"]),
        ({"tables": [2024]}, ["'tables.0' is 2024", 'put it in quotes: "2024"']),
        ({"tables": ["my table"]}, ["'tables.0' is 'my table'", "Write 'my_table'."]),
        ({"tables": ["table1.csv"]}, ["Write 'table1'."]),
        ({"tables": ["export"]}, ["'export' is a target of the workflow", "my_export"]),
        ({"figures": {"all": FIGURE}}, ["'all' is a target of the workflow itself"]),
        ({"figures": {"Images": FIGURE}}, ["'images' and 'Images' differ in capitals alone"]),
        ({"datasets": {"my birds": FOLDER}}, ["the name 'my birds'", "Write 'my_birds'."]),
        ({"datasets": {"vögel": FOLDER}}, ["the name 'vögel'", "Write 'vogel'."]),
        ({"datasets": {"ELPV": FOLDER}}, ["'elpv' and 'ELPV' differ in capitals alone"]),
        ({"datasets": {"a" * 81: FOLDER}}, ["the name", "at most 80"]),
        ({"pathvars": {"results": "$NO_SUCH/x"}}, ["the variable $NO_SUCH is not set"]),
        ({"pathvars": {"results": "${NO_SUCH}x"}}, ["the variable ${NO_SUCH} is not set"]),
        ({"pathvars": {"results": "~no_such/x"}}, ["no home folder ~no_such/x"]),
        ({"pathvars": {"results": "{a}"}}, ["reads as a pattern"]),
        ({"pathvars": {"results": "./logs/"}}, ["'logs' is the folder of 'results' too"]),
        ({"pathvars": {"results": "."}}, ["is the working directory itself"]),
        ({"pathvars": {"results": "/"}}, ["the working directory itself, or holds it"]),
        ({"pathvars": {"results": "../.."}}, ["the working directory itself, or holds it"]),
        ({"pathvars": {"state": "x/../src/out"}}, ["among the workflow's own files"]),
        ({"datasets": {"mine": {"path": "x", "resolution": 32}}}, ["key 'datasets.mine.kind'"]),
        (override({"method": "sre2lp"}), ["unknown method 'sre2lp'", "did you mean 'sre2lpp'?"]),
        (override({"dataset": ["elpv", "elvp"]}), ["unknown dataset 'elvp'", "mean 'elpv'?"]),
        (override({"backbone": "resnet8"}, "pretrain"), ["unknown backbone 'resnet8'"]),
        (override({"student": "resnet8"}, "evaluate"), ["unknown student 'resnet8'"]),
        (override({"fd2": "FD2"}), ["unknown fd2 'FD2'", "did you mean 'fd2'?"]),
        (override({"variant": "base"}), ["unknown key 'overrides.mine.where.variant'"]),
        (override({"ipc": "5"}, "evaluate"), ["write 5, without quotes"]),
        (override({"ipc": 0}, "evaluate"), ["give at least 1"]),
        (override({"dataset": []}), ["give at least 1 value"]),
        ({"tables": ["tabel1"]}, ["no sheet for table 'tabel1'", f"allowed: {SHEETS}"]),
    ],
    ids=lambda value: str(value)[:60],
)
def test_setting(workflow: Path, settings: Any, messages: list[str]) -> None:
    (workflow / "config/wrong.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(FD2Error) as refused:
        open_project(workflow, ["config/wrong.yaml"])
    for message in messages:
        assert message in str(refused.value)
    assert "config/wrong.yaml, line" in refused.value.where and refused.value.fix
    assert len(str(refused.value)) < 2500


def test_students_cannot_train_longer_than_labels_are_stored(workflow: Path) -> None:
    (workflow / "config/wrong.yaml").write_text("evaluate: {epochs: 500}")
    with pytest.raises(FD2Error, match=r"'evaluate.epochs' is 500, 'relabel.epochs' only 400"):
        open_project(workflow, ["config/wrong.yaml"])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("rded,plain,base,1,resnet18,,", "students of variant 'base' learn from 'soft' labels"),
        ("rded,plain,hard-labels,1,resnet18,,base", "see augmented images"),
        (
            "rded,plain,base,1,resnet18,hard-labels,plain-hard",
            "from 'hard' labels, those of 'base'",
        ),
        ("rded,plain,base,1,resnet18,set-1,", "variant 'set-1' has images of its own"),
        ("rded,plain,base,1,resnet18,hard-label,", "unknown variant 'hard-label'"),
        ("full,plain,base,,resnet18,,", "not a number"),
        ("rded,plain,base,1,resnet18,hard-labels,asis", ""),
    ],
)
def test_parts_of_a_score(workflow: Path, row: str, message: str) -> None:
    header = "# kind: scores\ndataset,method,fd2,variant,ipc,student,hard,unaugmented\n"
    (workflow / "config/tables/mine.csv").write_text(f"{header}elpv,{row}\n")
    asis = {"relabel": {"crop_scale": None, "cutmix_alpha": None}}
    variants = {"asis": asis, "plain-hard": {**asis, "evaluate": {"labels": "hard"}}}
    config = workflow / "config/mine.yaml"
    config.write_text(yaml.safe_dump({"tables": ["mine"], "variants": variants}))
    if not message:
        sheet = open_project(workflow, ["config/mine.yaml"]).settings.sheet("mine")
        assert len(sheet.sources([0, 1])) == 1 + 2 * 5
        return
    with pytest.raises(FD2Error, match=re.escape(message)) as refused:
        open_project(workflow, ["config/mine.yaml"])
    assert "config/tables/mine.csv, line 3" in refused.value.where


def test_no_more_epochs_are_stored_than_trained(workflow: Path) -> None:
    (workflow / "config/wrong.yaml").write_text("seeds: [0]\nrelabel:\n  stored_epochs: 401\n")
    with pytest.raises(FD2Error, match=r"stored_epochs' is 401, 'relabel.epochs' only 400") as told:
        open_project(workflow, ["config/wrong.yaml"])
    assert "config/wrong.yaml, line 3" in told.value.where


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


def test_targets_that_tables_and_figures_must_not_be_called() -> None:
    rules = [REPOSITORY / "Snakefile", *(REPOSITORY / "workflow/rules").glob("*.smk")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in rules)
    named = re.findall(r"^ *(?:use )?rule (\w+)(?: as (\w+) with)?:", text, re.MULTILINE)
    assert set(RULES) == {second or first for first, second in named}
