"""Result files with known numbers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from fd2.artifacts.records import write_record
from fd2.config.cells import Cell
from fd2.reporting.table import Table, build_table

HEADER = "dataset,method,fd2,variant,ipc,student,published"
RUN = {"commit": "0123456789abcdef", "dirty": False, "device_name": "Test CPU"}


def _write_cell(
    results: Path,
    cell: Cell,
    top1: float,
    balanced: float,
    *,
    protocol: str = "paper",
    initialisation: str = "scratch",
    manifest: str = "m",
    run: Mapping[str, Any] = RUN,
    curve: list[dict[str, float]] | None = None,
    correct: Any = None,
    **more: Any,
) -> Path:
    """One cell's file; its best epoch is 99, so that a test sees when it is used by mistake."""
    path = results / cell.path()
    path.parent.mkdir(parents=True, exist_ok=True)
    best = {"epoch": 3, "top1": 99.0, "balanced_top1": 99.0}
    content = {
        "cell": asdict(cell),
        "protocol": protocol,
        "result": {
            "last": {"epoch": 10, "top1": top1, "balanced_top1": balanced},
            "best_chosen_on_test": best,
            "curve": curve or [],
            **({} if correct is None else {"correct": correct}),
        },
        "settings": {"initialisation": initialisation},
        "manifest": manifest,
        "run": run,
        **more,
    }
    write_record(path, content)
    return path


def _write_teacher(
    results: Path,
    dataset: str,
    backbone: str,
    training: str,
    selected: str = "last",
    **more: Any,
) -> Path:
    """A teacher's file: as it is used 70.0 / 60.0, the attention head 80.0 / 75.0."""
    path = results / "teachers" / dataset / backbone / f"{training}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = {"top1": 80.0, "balanced_top1": 75.0} if training.startswith("cal") else None
    chosen = {"backbone": {"top1": 70.0, "balanced_top1": 60.0}, "cal": head}
    last = {"epoch": 10, "backbone": {"top1": 68.0, "balanced_top1": 58.0}, "cal": head}
    content = {
        "teacher": {"dataset": dataset, "backbone": backbone, "training": training},
        "protocol": "paper",
        "result": {
            "selected": selected,
            "last": last,
            "chosen": chosen,
            "curve": [],
            "majority_class_top1": 42.0,
        },
        "settings": {"initialisation": "imagenet"},
        "manifest": "m",
        "run": RUN,
        **more,
    }
    write_record(path, content)
    return path


@pytest.fixture
def sheet(tmp_path: Path) -> Callable[..., Path]:
    """Write a sheet from its lines."""

    def write(*lines: str) -> Path:
        path = tmp_path / "t_1.csv"
        path.write_text("\n".join([HEADER, *lines]) + "\n")
        return path

    return write


@pytest.fixture
def write_cell() -> Callable[..., Path]:
    """Write one cell's file: (results, cell, top1, balanced, …)."""
    return _write_cell


@pytest.fixture
def write_teacher() -> Callable[..., Path]:
    """Write one teacher's file: (results, dataset, backbone, training, selected)."""
    return _write_teacher


@pytest.fixture
def trained_rows(
    sheet: Callable[..., Path], tmp_path: Path, write_cell: Callable[..., Path]
) -> Callable[..., Table]:
    """A table of dataset d, three images per class, one student and two seeds.

    Of each row: method, fd2 and variant; how its students are trained; how its images are made;
    the top-1 of each student that has a result.
    """

    def build(rows: list[tuple[str, Any, Any, tuple[float, ...]]]) -> Table:
        results = Path(tempfile.mkdtemp(dir=tmp_path))
        for names, *_, values in rows:
            method, fd2, variant = names.split(",")
            for seed, value in enumerate(values):
                cell = Cell("d", method, fd2, variant, 3, "resnet18", seed)
                write_cell(results, cell, value, value / 2)
        path = sheet(*(f"d,{names},3,resnet18," for names, *_ in rows))
        trainings, images = [row[1] for row in rows], [row[2] for row in rows]
        return build_table(path, results, [0, 1], None, trainings, images)

    return build
