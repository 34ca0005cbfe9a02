"""FADRM and FADRM+: the recipes of the shipped config, and phases that do not fit."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from fd2.config import plugins
from fd2.config.checks import checked_configuration
from fd2.config.layers import merge, read_yaml
from fd2.config.names import SetName
from fd2.config.resolve import Configuration
from fd2.errors import FD2Error
from fd2.methods._interface import Phase, Recipe

CONFIG = Path(__file__).resolve().parents[2] / "config"
NAMES = ("fadrm", "fadrmplus")


def shipped(name: str) -> dict[str, Any]:
    values = read_yaml(CONFIG / "config.yaml")["distill"]["methods"][name]
    return copy.deepcopy(values)


def recipe(name: str, settings: dict[str, Any], resolution: int = 224) -> Recipe:
    return plugins.load("methods", name).recipe(settings, resolution)


@pytest.mark.parametrize(("name", "in_turn"), [("fadrm", False), ("fadrmplus", True)])
def test_the_shipped_recipe(name: str, in_turn: bool) -> None:
    """Four phases under one cosine of 6500 iterations, three merges with half of the patch."""
    assert recipe(name, shipped(name)) == Recipe(
        phases=(
            Phase(200, 1500, 0.5),
            Phase(224, 1500, 0.5),
            Phase(200, 1500, 0.5),
            Phase(224, 2000, 0.5),
        ),
        learning_rate=0.1,
        betas=(0.5, 0.9),
        batch_norm_weight=0.001,
        first_batch_norm_multiplier=10,
        crop_scale=(0.08, 1.0),
        maximum_roll=32,
        teachers_in_turn=in_turn,
        mixed_precision=True,
    )
    assert recipe(name, shipped(name)).iterations == 6500


def test_sre2lpp_is_one_phase_in_single_precision() -> None:
    found = recipe("sre2lpp", shipped("sre2lpp"), 96)
    assert found.phases == (Phase(96, 4000, 1.0),)
    assert (found.teachers_in_turn, found.mixed_precision) == (False, False)


@pytest.mark.parametrize(("name", "label"), [("fadrm", "FADRM"), ("fadrmplus", "FADRM+")])
def test_labels(name: str, label: str) -> None:
    assert label == plugins.load("methods", name).LABEL


def test_methods_take_the_patches_that_their_settings_name() -> None:
    config = read_yaml(CONFIG / "config.yaml")
    settings = checked_configuration(config, "config.yaml", CONFIG)
    for name, kind in (("fadrm", "1x1"), ("sre2lpp", "2x2"), ("rded", "rded"), ("random", None)):
        assert settings.patch_kind(SetName("elpv", name, "plain", "base")) == kind


@pytest.mark.parametrize("name", NAMES)
def test_a_last_phase_of_another_size_is_refused(name: str) -> None:
    with pytest.raises(FD2Error, match="last phase has 224 pixels, the data 64") as refused:
        recipe(name, shipped(name), 64)
    assert refused.value.where == f"setting 'distill.methods.{name}.phases'.3.size"
    assert "size 64" in refused.value.fix


def test_a_phase_of_more_than_twice_the_resolution_is_refused() -> None:
    settings = shipped("fadrm")
    settings["phases"] = [{"size": size, "iterations": 1} for size in (128, 129, 64)]
    with pytest.raises(FD2Error, match="129 pixels, the data 64") as refused:
        recipe("fadrm", settings, 64)
    assert refused.value.where == "setting 'distill.methods.fadrm.phases'.1.size"
    assert refused.value.fix == "give at most 128"
    settings["phases"].pop(1)
    assert [phase.size for phase in recipe("fadrm", settings, 64).phases] == [128, 64]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("fadrm", {"teachers": ["resnet18", "resnet50"]}, "teachers"),
        ("fadrmplus", {"teachers": ["resnet18"]}, "teachers"),
        ("fadrmplus", {"teachers": ["resnet18", "resnet18"]}, "teachers"),
        ("fadrm", {"residual_keep": 1.5}, "residual_keep"),
        ("fadrm", {"phases": []}, "phases"),
        ("fadrm", {"phases": [{"size": 64}]}, "iterations"),
        ("fadrm", {"phases": [{"size": 64, "iterations": 2, "keep": 1}]}, "keep"),
        ("sre2lpp", {"mixed_precision": "yes"}, "mixed_precision"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    name: str, change: dict[str, Any], words: str
) -> None:
    values = merge(read_yaml(CONFIG / "config.yaml"), {"tables": []})
    with pytest.raises(FD2Error, match=f"distill.methods.{name}.*{words}"):
        checked_configuration(
            merge(values, {"distill": {"methods": {name: change}}}), "test", CONFIG
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A config folder whose one sheet has a row of FADRM+ on data of 64 pixels."""
    for path in (CONFIG / "presets").iterdir():
        copied = tmp_path / "presets" / path.name
        copied.parent.mkdir(exist_ok=True)
        copied.write_text(path.read_text())
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "small.csv").write_text(
        "dataset,method,fd2,variant,ipc,student,published\nsmall,fadrmplus,fd2,base,1,resnet18,\n"
    )
    return tmp_path


def small(folder: Path, *, tables: list[str], **changes: Any) -> Configuration:
    values = read_yaml(CONFIG / "config.yaml")
    datasets = {"small": {"kind": "imagefolder", "path": "photos", "resolution": 64}}
    lists = {"tables": tables, "ablations": [], "measurements": []}
    top = {"figures": {}, **lists}
    own = {"datasets": datasets, "distill": {"methods": {"fadrmplus": changes}}}
    return checked_configuration(merge({**values, **top}, own), "small.yaml", folder)


def test_the_plan_refuses_phases_of_another_resolution(folder: Path) -> None:
    """For a row of a sheet when the config is read, for any other target when it is planned."""
    with pytest.raises(FD2Error, match="224 pixels, the data 64") as refused:
        small(folder, tables=["small"])
    assert "distill.methods.fadrmplus.phases" in refused.value.where
    assert "dataset 'small', small.yaml" in refused.value.where
    with pytest.raises(FD2Error, match="224 pixels, the data 64"):
        small(folder, tables=[]).distill(SetName("small", "fadrmplus", "plain", "base"), 0)
    phases = [{"size": 56, "iterations": 5}, {"size": 64, "iterations": 5}]
    found = small(folder, tables=["small"], phases=phases)
    values = found.distill(SetName("small", "fadrmplus", "fd2", "base"), 0)
    assert values["method_settings"]["phases"] == phases
