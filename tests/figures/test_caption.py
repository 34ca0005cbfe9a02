"""A figure's caption says what it was drawn from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fd2.errors import FD2Error
from fd2.stages.draw import figure_caption

ROWS = [
    {"method": "full", "fd2": "plain", "variant": "base"},
    {"method": "rded", "fd2": "plain", "variant": "base"},
    {"method": "sre2lpp", "fd2": "fd2", "variant": "short"},
]


Save = Callable[..., Path]


def test_data_rows_teacher_hardware_and_commits(tmp_path: Path, save_record: Save) -> None:
    digest = "0123456789abcdef"
    records = [
        save_record(tmp_path / name, {"commit": commit, "dirty": dirty}, manifest=digest)
        for name, commit, dirty in (
            *(("a.json", "f" * 40, False), ("b.json", "f" * 40, True), ("c.json", None, None)),
        )
    ]
    spec = {"kind": "attention_maps", "dataset": "d", "ipc": 3, "teacher": "resnet18", "rows": ROWS}
    assert figure_caption("figure1b", {**spec, "class": "bee"}, records) == (
        "Figure figure1b. Data: d (manifest 0123456789). Images per class: 3. "
        "Rows: Real training images, RDED, SRe²L++ + FD² (short). Class: bee. "
        "Teacher: resnet18. Hardware: abacus. "
        "Commits: ffffffffff, ffffffffff with uncommitted changes, unknown.\n"
    )


def test_a_figure_without_images(tmp_path: Path, save_record: Save) -> None:
    spec = {"kind": "cal_ratio", "dataset": "d", "backbone": "resnet18"}
    text = figure_caption("figure4", spec, [save_record(tmp_path / "a.json")])
    assert "Backbone: resnet18." in text and "per class" not in text and "Rows" not in text


def test_a_record_without_provenance_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}")
    with pytest.raises(FD2Error, match="damaged") as caught:
        figure_caption("x", {"kind": "cal_ratio", "dataset": "d"}, [path])
    assert caught.value.where == str(path)
