"""Settings of precision, memory format and compilation: closed, and part of a stage's settings."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from fd2.config.checks import checked_configuration
from fd2.config.names import Cell, SetName, Teacher
from fd2.config.resolve import Configuration
from fd2.errors import FD2Error, shown

CONFIG = Path(__file__).resolve().parents[2] / "config"
BASE: dict[str, Any] = yaml.safe_load((CONFIG / "config.yaml").read_text())
SECTIONS = ("pretrain", "distill", "evaluate")


def changed(section: str, **values: Any) -> Configuration:
    config = copy.deepcopy(BASE)
    config[section].update(values)
    return checked_configuration(config, "config.yaml", CONFIG)


def of_stage(settings: Configuration, section: str) -> dict[str, Any]:
    name = SetName("cub200", "sre2lpp", "fd2", "base")
    if section == "pretrain":
        return settings.pretrain(Teacher("cub200", "resnet18", "cal"))
    if section == "distill":
        return settings.distill(name, 0)
    return settings.evaluate(Cell(name, 1, "resnet18", 0))


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize(
    ("key", "wrong", "fix"),
    [
        ("memory_format", "channels_list", "did you mean 'channels_last'"),
        ("memory_format", "nhwc", "allowed: channels_last, contiguous"),
        ("compile", "max-autotune", "allowed: default, none, reduce-overhead"),
        ("compile", True, "give text"),
    ],
)
def test_other_words_are_refused(section: str, key: str, wrong: object, fix: str) -> None:
    with pytest.raises(FD2Error) as refused:
        changed(section, **{key: wrong})
    assert f"'{section}.{key}' is {shown(wrong)}" in refused.value.what
    assert fix in refused.value.fix


@pytest.mark.parametrize("section", ["pretrain", "evaluate"])
def test_precision_is_yes_or_no(section: str) -> None:
    with pytest.raises(FD2Error, match=f"'{section}.mixed_precision' is 'bfloat16'") as refused:
        changed(section, mixed_precision="bfloat16")
    assert "give true or false" in refused.value.fix


def test_distillation_has_the_precision_of_its_method() -> None:
    with pytest.raises(FD2Error, match=r"unknown key 'distill\.mixed_precision'"):
        changed("distill", mixed_precision=True)


@pytest.mark.parametrize("section", SECTIONS)
def test_they_shape_their_stage_alone(section: str) -> None:
    before = changed(section)
    after = changed(section, memory_format="contiguous", compile="default")
    for other in SECTIONS:
        first, second = of_stage(before, other), of_stage(after, other)
        differing = {key for key in first if first[key] != second[key]}
        assert differing == ({"memory_format", "compile"} if other == section else set())
