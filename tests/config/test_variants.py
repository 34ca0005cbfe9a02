"""A variant has artefacts of its own from the first stage that it changes, and shares the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from fd2.config.layers import merge
from fd2.config.resolve import Configuration

CONFIG = Path(__file__).parents[2] / "config"
VARIANTS: dict[str, dict[str, Any]] = {
    "few-maps": {"pretrain": {"attention_maps": 2}},
    "repeated": {"patches": {"slot_patches": "repeated"}},
    "short": {"distill": {"methods": {"sre2lpp": {"iterations": 7}}}},
    "with-dropout": {"relabel": {"teacher_dropout": True}},
    "hard-labels": {"evaluate": {"labels": "hard"}},
}
CELL = ("elpv", "sre2lpp", "fd2")


@pytest.fixture(scope="module")
def settings() -> Configuration:
    values = yaml.safe_load((CONFIG / "config.yaml").read_text())
    quickstart = yaml.safe_load((CONFIG / "quickstart.yaml").read_text())
    merged = merge(merge(values, quickstart), {"variants": VARIANTS})
    return Configuration(merged, "the test's config", CONFIG)


@pytest.mark.parametrize(
    ("variant", "recipe", "patches", "own"),
    [
        ("base", "cal", "2x2", ["pretrain", "patches", "distill", "relabel", "evaluate"]),
        ("few-maps", "cal-few-maps", "2x2", ["pretrain", "distill", "relabel", "evaluate"]),
        ("repeated", "cal", "2x2-repeated", ["patches", "distill", "relabel", "evaluate"]),
        ("short", "cal", "2x2", ["distill", "relabel", "evaluate"]),
        ("with-dropout", "cal", "2x2", ["relabel", "evaluate"]),
        ("hard-labels", "cal", "2x2", ["evaluate"]),
    ],
)
def test_a_variant_shares_the_stages_before_its_first(
    settings: Configuration, variant: str, recipe: str, patches: str, own: list[str]
) -> None:
    assert settings.recipe_name("fd2", variant) == recipe
    assert settings.patch_kind(*CELL, variant) == patches
    for stage in ("distill", "relabel", "evaluate"):
        assert settings.variant_at(variant, stage) == (variant if stage in own else "base")
        assert (variant in settings.variants_at(stage)) == (stage in own)


def test_a_variants_value_reaches_its_stage_and_no_other(settings: Configuration) -> None:
    assert settings.patches("elpv", "2x2-repeated")["slot_patches"] == "repeated"
    assert settings.patches("elpv", "2x2")["slot_patches"] == "distinct"
    cal = settings.pretrain("elpv", "resnet18", "cal-few-maps")["cal"]
    assert cal["attention_maps"] == 2
    assert settings.pretrain("elpv", "resnet18", "cal")["cal"]["attention_maps"] == 8
    assert settings.distill(*CELL, "short", 0)["recipe"]["iterations"] == 7
    assert settings.distill(*CELL, "base", 0)["recipe"]["iterations"] == 60


def test_settings_of_the_attention_head_do_not_shape_plain_teachers(
    settings: Configuration,
) -> None:
    plain = settings.pretrain("elpv", "resnet18", "plain")
    other = settings.pretrain("elpv", "resnet18", "plain-few-maps")
    assert {**plain, "recipe": ""} == {**other, "recipe": ""}
    assert plain["cal"] is None
