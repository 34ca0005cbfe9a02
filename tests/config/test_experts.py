"""Experts of a config: their settings, whose they are, and what is refused before any job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fd2.config.checks import checked_configuration
from fd2.config.experts import ExpertSettings, expert_settings, expert_variants
from fd2.config.layers import merge, read_yaml
from fd2.config.names import Expert, SetName
from fd2.config.resolve import Configuration
from fd2.config.settings import build
from fd2.config.variants import require_change
from fd2.errors import FD2Error

CONFIG = Path(__file__).resolve().parents[2] / "config"
BASE = Expert("typefaces", "convnet", "base", 0)
FLAT = Expert("typefaces", "convnet", "flat", 0)
CHANGES: dict[str, Any] = {
    "tables": [],
    "variants": {
        "flat": {"train_expert": {"optimiser": "gsam", "epochs": 100}},
        "teacher": {"pretrain": {"epochs": 2}},
        "both": {"pretrain": {"epochs": 2}, "train_expert": {"momentum": 0.9}},
        "same": {"train_expert": {"epochs": 50}},
    },
    "overrides": {
        "slower": {
            "where": {"dataset": "typefaces", "backbone": "convnet"},
            "set": {"train_expert": {"learning_rate": 0.001}},
        }
    },
}


def configured(**changes: Any) -> Configuration:
    values = merge(merge(read_yaml(CONFIG / "config.yaml"), CHANGES), changes)
    return checked_configuration(values, "test", CONFIG)


@pytest.fixture(scope="module")
def settings() -> Configuration:
    return configured()


def test_the_shipped_settings_are_those_of_mtt(settings: Configuration) -> None:
    found = build(ExpertSettings, expert_settings(settings, Expert("elpv", "convnet", "base", 4)))
    assert (found.optimiser, found.gsam, found.learning_rate) == ("sgd", None, 0.01)
    assert (found.momentum, found.weight_decay) == (0.0, 0.0)
    assert (found.batch_size, found.epochs, found.number) == (256, 50, 4)
    assert len(found.augmentation) == 6


def test_overrides_and_variants_reach_an_expert(settings: Configuration) -> None:
    flat = build(ExpertSettings, expert_settings(settings, FLAT))
    assert (flat.optimiser, flat.epochs, flat.learning_rate) == ("gsam", 100, 0.001)
    assert flat.gsam is not None and (flat.gsam.rho, flat.gsam.alpha) == (0.01, 0.3)


def test_what_gsam_needs_retrains_no_plain_expert(settings: Configuration) -> None:
    other = configured(train_expert={"gsam": {"rho": 0.5}})
    assert expert_settings(other, BASE) == expert_settings(settings, BASE)
    assert expert_settings(other, FLAT) != expert_settings(settings, FLAT)


def test_a_variant_has_experts_of_its_own_where_it_changes_their_section(
    settings: Configuration,
) -> None:
    shipped = [name for name in expert_variants(settings.values) if name in CHANGES["variants"]]
    assert shipped == ["flat", "both", "same"]
    name = SetName("elpv", "sre2lpp", "plain", "flat")
    # Teachers and patches stand before experts; what is made of them has its own sets.
    assert settings.teacher(name, "resnet18").training == "plain"
    assert settings.patch_kind(name) == "2x2"
    assert settings.set_at(name, "distill").variant == "flat"
    with pytest.raises(FD2Error, match="repeats 'base'"):
        require_change(settings.values, "same", {"dataset": "elpv"}, "test")


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        ("resnet18", "network 'resnet18' has batch norm, whose statistics are no parameters"),
        ("convnet_d5", "images of 16 pixels are pooled 5 times"),
    ],
)
def test_a_network_without_a_trajectory_is_refused(backbone: str, message: str) -> None:
    given = configured(datasets={"typefaces": {"resolution": 16}})
    expert = Expert("typefaces", backbone, "base", 0)
    with pytest.raises(FD2Error, match=message) as refused:
        expert_settings(given, expert)
    assert expert.path() in refused.value.where and "convnet" in refused.value.fix


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"optimiser": "adam"}, ["'train_expert.optimiser' is 'adam'", "gsam, sgd"]),
        ({"epochs": 0}, ["'train_expert.epochs' is 0", "at least 1"]),
        ({"learning_rate": 0}, ["'train_expert.learning_rate' is 0", "more than 0"]),
        ({"gsam": {"rho": -1}}, ["'train_expert.gsam.rho' is -1", "more than 0"]),
        ({"gsam": {"sigma": 1}}, ["unknown key 'train_expert.gsam.sigma'"]),
        ({"rho": 0.1}, ["unknown key 'train_expert.rho'"]),
        ({"augmentation": ["mixup"]}, ["'train_expert.augmentation.0' is 'mixup'"]),
        ({"augmentation": ["flip", "flip"]}, ["'flip' stands twice"]),
    ],
)
def test_a_wrong_setting_is_refused(section: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(FD2Error) as refused:
        configured(train_expert=section)
    assert all(word in str(refused.value) for word in words), refused.value


def test_an_override_cannot_depend_on_what_an_expert_has_not() -> None:
    override = {"where": {"method": "dm"}, "set": {"train_expert": {"epochs": 2}}}
    with pytest.raises(FD2Error, match="changes 'train_expert' depending on method") as refused:
        configured(overrides={"wrong": override})
    assert "dataset, backbone only" in refused.value.fix
