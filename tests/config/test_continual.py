"""What a sheet of continual learning may say, and which sets the shipped one asks for."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from fd2.config.checks import checked_configuration
from fd2.config.continual import (
    ContinualSettings,
    continual_settings,
    continual_teacher_settings,
)
from fd2.config.layers import merge, read_yaml
from fd2.config.names import Cell, SetName, Teacher
from fd2.config.resolve import Configuration
from fd2.config.rows import ContinualRow, StudentRow
from fd2.config.settings import build
from fd2.errors import FD2Error

CONFIG = Path(__file__).resolve().parents[2] / "config"
HEADER = "# kind: continual\ndataset,method,fd2,variant,ipc,student,steps\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the config folder."""
    return Path(shutil.copytree(CONFIG, tmp_path / "config"))


def configuration(folder: Path, text: str, **changes: Any) -> Configuration:
    """The shipped config with one sheet."""
    (folder / "tables" / "steps.csv").write_text(text + "\n")
    values = merge(read_yaml(folder / "config.yaml"), {"tables": ["steps"], **changes})
    return checked_configuration(values, "test.yaml", folder)


def test_rows_and_their_settings(folder: Path) -> None:
    """Soft labels come with what they are made by; others with nothing."""
    lines = ("full,fd2,base,,resnet18,5", "rded,plain,base,3,resnet18,10")
    lines = (*lines, "rded,plain,hard-labels,3,resnet18,10")
    settings = configuration(folder, HEADER + "\n".join(f"cub200,{line}" for line in lines))
    full, soft, hard = settings.sheet("steps").rows_of(ContinualRow)
    assert full.sources([0, 7]) == [
        f"continual/cub200/full/resnet18/cal/steps5/seed{seed}.json" for seed in (0, 7)
    ]
    (path,) = soft.sources([3])
    assert path == "continual/cub200/rded/plain/base/ipc3/resnet18/steps10/seed3.json"
    (cell,) = soft.students.cells([3])
    typed = build(ContinualSettings, continual_settings(settings, cell, soft.steps))
    assert (typed.steps, typed.evaluate.seed, typed.evaluate.ipc) == (10, 3, 3)
    assert typed.relabel is not None and typed.relabel.batch_size == typed.evaluate.batch_size
    (cell,) = hard.students.cells([3])
    assert continual_settings(settings, cell, 10)["relabel"] is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cub,random,plain,base,1,resnet18,5", "unknown dataset 'cub'"),
        ("cub200,randon,plain,base,1,resnet18,5", "unknown method 'randon'"),
        ("cub200,random,plain,bass,1,resnet18,5", "unknown variant 'bass'"),
        ("cub200,random,plain,base,1,resnet8,5", "unknown student 'resnet8'"),
        ("cub200,sre2lpp,plain,base,9,resnet18,5", "ipc 9"),
        ("cub200,full,plain,hard-labels,,resnet18,5", "variant 'hard-labels' of full data"),
        ("cub200,random,plain,base,,resnet18,5", "not a number: ''|no images per class"),
        ("cub200,random,plain,base,1,resnet18,0", "steps 0"),
        ("cub200,random,plain,base,1,resnet18,five", "not a number: 'five'"),
        ("cub200,random,plain,base,1,resnet18,", "not a number: ''"),
    ],
)
def test_a_row_that_cannot_be_made_is_refused(folder: Path, line: str, message: str) -> None:
    with pytest.raises(FD2Error, match=message) as caught:
        configuration(folder, HEADER + line)
    assert "steps.csv, line 3" in caught.value.where


def test_the_same_steps_twice_are_refused_and_others_not(folder: Path) -> None:
    lines = [f"cub200,random,plain,base,1,resnet18,{steps}" for steps in (5, 10, 5)]
    configuration(folder, HEADER + "\n".join(lines[:2]))
    with pytest.raises(FD2Error, match="a row stands twice"):
        configuration(folder, HEADER + "\n".join(lines))


@pytest.mark.parametrize("stored", [{"top_k": 3}, {"bits": 8}, {"stored_epochs": 5}])
def test_labels_in_fewer_bytes_are_refused(folder: Path, stored: dict[str, Any]) -> None:
    """They are made at each step; class labels have none."""
    line = "cub200,random,plain,{},1,resnet18,5"
    with pytest.raises(FD2Error, match="soft labels in fewer bytes") as caught:
        configuration(folder, HEADER + line.format("base"), relabel=stored)
    assert "continual/cub200/random" in caught.value.where
    configuration(folder, HEADER + line.format("hard-labels"), relabel=stored)


def test_the_shipped_sheet_takes_the_sets_of_another(folder: Path) -> None:
    """A set is made once for both tables."""
    before = read_yaml(CONFIG / "continual.yaml")["after"]
    values: dict[str, Any] = read_yaml(CONFIG / "config.yaml")
    for name in before:
        values = merge(values, read_yaml(CONFIG / name))
    other = checked_configuration(values, "shipped", CONFIG)
    own = checked_configuration(merge(values, read_yaml(CONFIG / "continual.yaml")), "own", CONFIG)
    listed = {(r.set_name, r.ipc) for r in other.sheet("like_for_like").rows_of(StudentRow)}
    rows = [row for row in own.sheet("continual").rows_of(ContinualRow) if row.ipc is not None]
    assert rows and all((row.set_name, row.ipc) in listed for row in rows)
    for row in rows:
        assert row.ipc is not None
        if row.method == "sre2lpp":
            assert own.distill(row.set_name, 0) == other.distill(row.set_name, 0)
        else:
            assert own.whole_set(row.set_name, row.ipc) == other.whole_set(row.set_name, row.ipc)
        (cell,) = row.students.cells([0])
        assert own.evaluate(cell) == other.evaluate(cell)
        assert own.evaluate(cell)["labels"] == "hard"


def test_whitened_images_are_refused(folder: Path) -> None:
    """The whitening is of all classes, and is checked against the data that it is of."""
    whitened = {"cifar10": {"kind": "cifar10", "resolution": 32, "zca": {"epsilon": 0.1}}}
    sheet = HEADER + "cub200,random,plain,base,1,resnet18,5"
    settings = configuration(folder, sheet, datasets=whitened)
    cell = Cell(SetName("cifar10", "random", "plain", "base"), 1, "resnet18", 0)
    with pytest.raises(FD2Error, match="whitened images"):
        continual_settings(settings, cell, 5)
    with pytest.raises(FD2Error, match="whitened images"):
        continual_teacher_settings(settings, Teacher("cifar10", "resnet18", "plain"), 5, 0)
