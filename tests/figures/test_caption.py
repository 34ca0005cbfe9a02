"""A figure's caption says what it was drawn from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fd2.errors import FD2Error
from fd2.figures._caption import figure_caption

ROWS = [
    {"method": "full", "fd2": "plain", "variant": "base"},
    {"method": "rded", "fd2": "plain", "variant": "base"},
    {"method": "sre2lpp", "fd2": "fd2", "variant": "short"},
]


def record(path: Path, commit: str | None, dirty: bool | None, **content: Any) -> Path:
    run = {"commit": commit, "dirty": dirty, "device_name": "abacus"}
    path.write_text(json.dumps({"manifest": "0123456789abcdef", "run": run, **content}))
    return path


def test_data_rows_teacher_hardware_and_commits(tmp_path: Path) -> None:
    records = [
        record(tmp_path / "a.json", "f" * 40, False),
        record(tmp_path / "b.json", "f" * 40, True),
        record(tmp_path / "c.json", None, None),
    ]
    spec = {"kind": "attention_maps", "dataset": "d", "ipc": 3, "teacher": "resnet18", "rows": ROWS}
    assert figure_caption("figure1b", {**spec, "class": "bee"}, records) == (
        "Figure figure1b. Data: d (manifest 0123456789). Images per class: 3. "
        "Rows: all real training images, RDED, SRe²L++ + FD² (short). Class: bee. "
        "Teacher: resnet18. Hardware: abacus. "
        "Commits: ffffffffff, ffffffffff with uncommitted changes, unknown.\n"
    )


def test_a_figure_without_images(tmp_path: Path) -> None:
    spec = {"kind": "cal_ratio", "dataset": "d", "backbone": "resnet18"}
    text = figure_caption("figure4", spec, [record(tmp_path / "a.json", "c", False)])
    assert "Backbone: resnet18." in text and "per class" not in text and "Rows" not in text


def test_a_record_without_provenance_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}")
    with pytest.raises(FD2Error, match="no provenance") as caught:
        figure_caption("x", {"kind": "cal_ratio", "dataset": "d"}, [path])
    assert caught.value.where == str(path)
