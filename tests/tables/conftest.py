"""Sheets and result files with known numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from fd2.artifacts.records import write_record
from fd2.config.names import Cell, SetName
from fd2.config.sheets import read_sheet
from fd2.tables.render import Table
from fd2.tables.students import student_table

HEADER = "dataset,method,fd2,variant,ipc,student,published,label"
RUN = {
    "commit": "0123456789abcdef",
    "dirty": False,
    "versions": {},
    "host": "Linux",
    "device": "cpu",
    "device_name": "Test CPU",
    "threads": 1,
    "started": "2026-01-01T00:00:00+00:00",
    "finished": "2026-01-01T00:01:00+00:00",
    "seconds": 60.0,
    "peak_memory_mb": {"resident": 100.0},
}
FACTS = {
    "initialisation": "scratch",
    "labels": "cal",
    "labels_of_any_teacher": "cal",
    "training": "t",
    "images": "i",
    "images_of_any_teacher": "i",
    "image_seeds": "[0]",
    "teacher_seeds": "[[0], [0]]",
    "without_fd2": "w",
}
TEMPLATES = Path(__file__).resolve().parents[2] / "workflow/report/tables"
GOLDEN = Path(__file__).parent / "golden"
#: Of one row: method, fd2 and variant; facts that differ from `FACTS`; top-1 of each seed.
Line = tuple[str, Mapping[str, str], Sequence[float]]


def record(path: Path, **content: Any) -> Path:
    """Write a record with the parts that every stage writes."""
    parts = {"stage": "s", "settings": {}, "manifest": "m", "inputs": {}, "run": RUN}
    write_record(path, {**parts, **content})
    return path


def write_cell(results: Path, cell: Cell, top1: float, balanced: float, **more: Any) -> Path:
    """One cell's file; its best epoch is 99, so that a test sees when it is used by mistake."""
    result = {
        "last": {"epoch": 10, "top1": top1, "balanced_top1": balanced},
        "best_chosen_on_test": {"epoch": 3, "top1": 99.0, "balanced_top1": 99.0},
        "curve": [],
    }
    settings = {"initialisation": "scratch", "labels": "soft", "pictures": False}
    settings |= {"learning_rate": 0.001, **more.pop("settings", {})}
    content = {"preset": "paper", "resolution": 32, "settings": settings}
    parts = {**content, "cell": cell.fields(), "result": result, **more}
    return record(results / cell.path(), **parts)


def write_teacher(
    results: Path, dataset: str, backbone: str, training: str, selected: str = "last", **more: Any
) -> Path:
    """A teacher's file: as it is used 70.0 / 60.0, the attention head 80.0 / 75.0."""
    cal = {"top1": 80.0, "balanced_top1": 75.0} if training.startswith("cal") else None
    last = {"top1": 68.0, "balanced_top1": 58.0}
    content = {
        "teacher": {"dataset": dataset, "backbone": backbone, "training": training},
        "preset": "paper",
        "resolution": 32,
        "result": {
            "selected": selected,
            "last": {"epoch": 10, "backbone": last, "cal": cal},
            "chosen": {"backbone": {"top1": 70.0, "balanced_top1": 60.0}, "cal": cal},
            "curve": [],
            "majority_class_top1": 42.0,
        },
        "settings": {"initialisation": "imagenet"},
    }
    path = results / "teachers" / dataset / backbone / f"{training}.json"
    return record(path, **{**content, **more})


def check_golden(folder: Path, stem: str) -> None:
    """Compare a table's three files with those that are kept; UPDATE_GOLDEN=1 keeps them anew."""
    for suffix in (".csv", ".md", ".tex"):
        text = (folder / f"{stem}{suffix}").read_text()
        if os.environ.get("UPDATE_GOLDEN"):
            (GOLDEN / f"{stem}{suffix}").write_text(text)
        assert text == (GOLDEN / f"{stem}{suffix}").read_text()
        assert suffix != ".tex" or text.isascii()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results lie in ``results``, as a user names them."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def sheet() -> Callable[..., Path]:
    """Write a sheet from its lines; one without a label may leave out the last column."""

    def write(*lines: str) -> Path:
        path = Path("t_1.csv")
        full = [line if line.count(",") == 7 else f"{line}," for line in lines]
        path.write_text("\n".join([HEADER, *full]) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def table(sheet: Callable[..., Path], tmp_path: Path) -> Callable[..., Table]:
    """A table of lines: dataset d, three images per class, one student.

    Each value is the top-1 of one seed and twice its balanced top-1. ``labels`` are the sheet's, by
    variant.
    """

    def build(
        lines: Sequence[Line], seeds: Sequence[int] = (0, 1, 2), labels: Mapping[str, str] = {}
    ) -> Table:
        results = tmp_path / f"results{len(list(tmp_path.iterdir()))}"
        words = []
        for names, _, values in lines:
            method, fd2, variant = names.split(",")
            words.append(f"d,{names},3,resnet18,,{labels.get(variant, '')}")
            for seed, value in zip(seeds, values, strict=False):
                cell = Cell(SetName("d", method, fd2, variant), 3, "resnet18", seed)
                write_cell(results, cell, value, value / 2)
        facts = [{**FACTS, **own} for _, own, _ in lines]
        return student_table(read_sheet(sheet(*words)), results, list(seeds), facts)

    return build
