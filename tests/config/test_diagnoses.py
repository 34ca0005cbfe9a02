"""What a sheet of diagnoses may name, and which figures its config draws."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from fd2.config.checks import checked_configuration
from fd2.config.figures import drawn_figures
from fd2.config.layers import merge, read_yaml
from fd2.config.names import SetName, Teacher
from fd2.config.resolve import Configuration
from fd2.config.rows import DiagnosticRow
from fd2.errors import FD2Error

CONFIG = Path(__file__).resolve().parents[2] / "config"
HEADER = "# kind: diagnostics\ndataset,method,fd2,variant,ipc,backbone,training\n"
VARIANTS = {
    "pairs": {"distill": {"group_size": 2}},
    "long": {"pretrain": {"epochs": 60}},
    "hot": {"evaluate": {"temperature": 4}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the config folder."""
    return Path(shutil.copytree(CONFIG, tmp_path / "config"))


def configuration(folder: Path, *lines: str, **changes: Any) -> Configuration:
    """The shipped config with one sheet of these lines."""
    (folder / "tables" / "seen.csv").write_text(HEADER + "\n".join(lines) + "\n")
    values = merge(read_yaml(folder / "config.yaml"), {"variants": VARIANTS, **changes})
    return checked_configuration({**values, "tables": ["seen"]}, "test.yaml", folder)


def test_rows_and_their_paths(folder: Path) -> None:
    settings = configuration(
        folder, "cub200,full,plain,base,,resnet18,cal", "cub200,rded,plain,pairs,3,resnet50,plain"
    )
    first, second = settings.sheet("seen").rows_of(DiagnosticRow)
    assert first.path("json") == "diagnostics/cub200/full/resnet18/cal.json"
    assert second == DiagnosticRow("cub200", "rded", "plain", "pairs", 3, "resnet50", "plain")
    assert second.path("safetensors") == (
        "diagnostics/cub200/rded/plain/pairs/ipc3/resnet50/plain.safetensors"
    )
    assert settings.sheet("table1").rows_of(DiagnosticRow) == []


def test_groups_are_those_of_distillation(folder: Path) -> None:
    settings = configuration(folder, "cub200,full,plain,base,,resnet18,cal")
    network = Teacher("cub200", "resnet18", "cal")
    pairs = settings.diagnose(SetName("cub200", "sre2lpp", "fd2", "pairs"), 3, network)
    assert (pairs["group_size"], pairs["ipc"], pairs["variant"]) == (2, 3, "pairs")
    real = settings.diagnose(SetName("cub200", "full", "plain", "base"), None, network)
    assert (real["group_size"], real["method"], real["ipc"]) == (4, "full", None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cub,full,plain,base,,resnet18,cal", "unknown dataset 'cub'"),
        ("cub200,full,plain,base,,resnet8,cal", "unknown backbone 'resnet8'"),
        ("cub200,full,plain,base,,resnet18,call", "unknown training 'call'"),
        ("cub200,full,plain,base,,resnet18,cal-pairs", "unknown training 'cal-pairs'"),
        ("cub200,full,plain,pairs,,resnet18,cal", "unknown variant of real images 'pairs'"),
        ("cub200,rdde,plain,base,1,resnet18,cal", "unknown method 'rdde'"),
        ("cub200,rded,plain,hot,1,resnet18,cal", "unknown variant of distilled sets 'hot'"),
        ("cub200,rded,plain,base,6,resnet18,cal", "ipc 6 of method 'rded'"),
    ],
)
def test_a_row_that_cannot_be_made_is_refused(folder: Path, line: str, message: str) -> None:
    with pytest.raises(FD2Error, match=message) as caught:
        configuration(folder, line)
    assert "seen.csv, line 3" in caught.value.where


def test_a_teacher_of_a_variant_may_look(folder: Path) -> None:
    configuration(folder, "cub200,rded,plain,base,1,resnet18,cal-long")


def test_figures_of_data_that_no_table_has_are_not_drawn(folder: Path) -> None:
    mine = {"kind": "centre_distances", "dataset": "imagewoof", "ipc": 5, "backbone": "resnet18"}
    figures = {"mine": {**mine, "training": "cal", "rows": []}}
    figures["mine"]["rows"] = [{"method": "random", "fd2": "plain", "variant": "base"}]
    settings = configuration(folder, "imagewoof,full,plain,base,,resnet18,cal", figures=figures)
    assert drawn_figures(settings) == ["mine"]
    papers = checked_configuration(read_yaml(folder / "config.yaml"), "config.yaml", folder)
    assert set(drawn_figures(papers)) == set(papers.values["figures"])
