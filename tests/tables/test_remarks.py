"""What is told of a user's pictures, from the folder to the captions of tables and the page."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.tables.conftest import TEMPLATES, write_cell, write_teacher

from fd2.artifacts.records import read_record
from fd2.config.names import Cell, SetName
from fd2.config.sheets import read_sheet
from fd2.runtime.job import Job
from fd2.stages.prepare import PrepareSettings, prepare
from fd2.stages.pretrain import pretrain
from fd2.tables.render import texts
from fd2.tables.students import student_table

RESULTS = Path("results")
FULL = "cells,full,plain,base,,resnet10t,"


def test_a_picture_that_is_not_used_stands_in_the_caption(
    chain: Any, job: Job, sheet: Any, tmp_path: Path
) -> None:
    photos = Path(shutil.copytree(chain.images, tmp_path / "photos"))
    hidden = photos / "train/mono_000/.new\nline_|_<b>.png"
    shutil.copy(min((photos / "train/mono_000").iterdir()), hidden)
    data, teacher = RESULTS / "data/cells", RESULTS / "teachers/cells/resnet10t/plain.json"
    prepare(PrepareSettings("cells", "imagefolder", 32, {"path": str(photos)}), data, job)
    settings = chain.pretrain_settings("plain")
    pretrain(settings, data, teacher.with_suffix(".safetensors"), teacher, job)
    [told] = read_record(teacher).remarks
    assert told.startswith("hidden pictures, passed over: 1, first 'train/mono_000/.new")
    table = student_table(read_sheet(sheet(FULL)), RESULTS, [0], [{}])
    shown = texts(table, TEMPLATES)
    assert "- cells: hidden pictures, passed over: 1, first 'train/mono" in shown[".md"]
    assert "hidden pictures, passed over: 1, first" in shown[".tex"]
    # A name with a line break neither ends the sentence nor begins another.
    [line] = [line for line in shown[".md"].splitlines() if ".new" in line]
    assert "line" in line and line.startswith("- cells: ") and "<b>" not in line.replace("\\<", "")


def test_each_dataset_of_a_table_is_told_once(sheet: Any) -> None:
    told = ["pictures turned: 2, first 'a', 'b'", "hidden pictures: 1, first 'c'"]
    for seed in range(3):
        cell = Cell(SetName("d", "random", "plain", "base"), 1, "resnet18", seed)
        write_cell(RESULTS, cell, 60.0, 50.0, remarks=told)
    write_teacher(RESULTS, "other", "resnet18", "plain", remarks=["e: 1"])
    lines = ["d,random,plain,base,1,resnet18,", "other,full,plain,base,,resnet18,"]
    table = student_table(read_sheet(sheet(*lines)), RESULTS, [0, 1, 2], [{}, {}])
    caption = [line for line in texts(table, TEMPLATES)[".md"].splitlines() if line[:2] == "- "]
    assert [line for line in caption if line.startswith(("- d:", "- other:"))] == [
        "- d: pictures turned: 2, first 'a', 'b'.",
        "- d: hidden pictures: 1, first 'c'.",
        "- other: e: 1.",
    ]
