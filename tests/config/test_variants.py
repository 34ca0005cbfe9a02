"""A variant has artefacts of its own from the first stage that it changes, and shares the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from fd2.config.checks import checked_configuration
from fd2.config.layers import merge
from fd2.config.names import Cell, SetName, Teacher
from fd2.config.patch_kinds import patch_kinds
from fd2.config.resolve import Configuration
from fd2.config.variants import require_change
from fd2.errors import FD2Error

CONFIG = Path(__file__).parents[2] / "config"
VARIANTS: dict[str, dict[str, Any]] = {
    "few-maps": {"pretrain": {"attention_maps": 2}},
    "repeated": {"patches": {"slot_patches": "repeated"}},
    "short": {"distill": {"methods": {"sre2lpp": {"iterations": 7}}}},
    "with-dropout": {"relabel": {"teacher_dropout": True}},
    "hard-labels": {"evaluate": {"labels": "hard"}},
    "whole": {"distill": {"methods": {"rded": {"patches": {"crop_scale": [0.9, 1.0]}}}}},
}
CELL = ("elpv", "sre2lpp", "fd2")


@pytest.fixture(scope="module")
def settings() -> Configuration:
    values = yaml.safe_load((CONFIG / "config.yaml").read_text())
    quickstart = yaml.safe_load((CONFIG / "quickstart.yaml").read_text())
    merged = merge(merge(values, quickstart), {"variants": VARIANTS})
    return checked_configuration(merged, "the test's config", CONFIG)


@pytest.mark.parametrize(
    ("variant", "training", "patches", "own"),
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
    settings: Configuration, variant: str, training: str, patches: str, own: list[str]
) -> None:
    name = SetName(*CELL, variant)
    assert settings.teacher(name, "resnet18").training == training
    assert settings.patch_kind(name) == patches
    for stage in ("distill", "relabel", "evaluate"):
        assert settings.set_at(name, stage).variant == (variant if stage in own else "base")
        assert (variant in settings.variants_at(stage)) == (stage in own)


def test_a_variants_value_reaches_its_stage_and_no_other(settings: Configuration) -> None:
    assert settings.patches("elpv", "2x2-repeated")["slot_patches"] == "repeated"
    assert settings.patches("elpv", "2x2")["slot_patches"] == "distinct"
    cal = settings.pretrain(Teacher("elpv", "resnet18", "cal-few-maps"))["cal"]
    assert cal["attention_maps"] == 2
    assert settings.pretrain(Teacher("elpv", "resnet18", "cal"))["cal"]["attention_maps"] == 8
    assert settings.distill(SetName(*CELL, "short"), 0)["method_settings"]["iterations"] == 7
    assert settings.distill(SetName(*CELL, "base"), 0)["method_settings"]["iterations"] == 60


@pytest.mark.parametrize(
    ("variant", "kind", "scorer"),
    [
        ("base", "rded", "plain"),
        # Another teacher scores other crops; the patches that methods share keep that of base.
        ("few-maps", "rded-few-maps", "plain-few-maps"),
        ("set-1", "rded-set-1", "plain"),
        ("whole", "rded-whole", "plain"),
        # The section 'patches' and other methods are not RDED's.
        ("repeated", "rded", "plain"),
        ("short", "rded", "plain"),
    ],
)
def test_rdeds_crops_are_its_own(
    settings: Configuration, variant: str, kind: str, scorer: str
) -> None:
    for fd2 in ("plain", "fd2"):
        assert settings.patch_kind(SetName("elpv", "rded", fd2, variant)) == kind
    assert settings.patch_scorer("elpv", kind).training == scorer
    assert settings.patch_scorer("elpv", "2x2-repeated").training == "plain"
    found = settings.patches("elpv", kind)
    assert (found["slot_patches"], found["images_scored"]) == ("distinct", 300)
    assert found["seed"] == (1 if variant == "set-1" else 0)
    assert found["crop_scale"] == ([0.9, 1.0] if variant == "whole" else [0.08, 1.0])
    assert {kind, "2x2-repeated"} <= set(patch_kinds(settings.values))


def test_rded_may_have_more_slots_than_the_patches_that_methods_share() -> None:
    override = {"where": {"dataset": "cub200", "method": "rded"}, "set": {"distill": {"slots": 9}}}
    values = yaml.safe_load((CONFIG / "config.yaml").read_text())
    more = checked_configuration(merge(values, {"overrides": {"more": override}}), "", CONFIG)
    assert more.patches("cub200", "rded")["slots"] == 9
    more.check_ipc(SetName("cub200", "rded", "plain", "base"), 9, "target")
    with pytest.raises(FD2Error, match="ipc 9 of method 'sre2lpp'"):
        more.check_ipc(SetName("cub200", "sre2lpp", "plain", "base"), 9, "target")


def test_settings_of_the_attention_head_do_not_shape_plain_teachers(
    settings: Configuration,
) -> None:
    plain = settings.pretrain(Teacher("elpv", "resnet18", "plain"))
    other = settings.pretrain(Teacher("elpv", "resnet18", "plain-few-maps"))
    assert {**plain, "training": ""} == {**other, "training": ""}
    assert plain["cal"] is None


def with_variant(changes: dict[str, Any], **more: Any) -> Configuration:
    values = yaml.safe_load((CONFIG / "config.yaml").read_text())
    merged = merge(values, {"variants": {"v": changes}, **more})
    return checked_configuration(merged, "mine.yaml", CONFIG)


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"distill": {"group_sise": 2}}, ["'variants.v.distill.group_sise'", "'group_size'?"]),
        (
            {"distill": {"fd2": {"regularisers": {"similarity": {"wieght": 0}}}}},
            ["unknown key 'variants.v.distill.fd2.regularisers.similarity.wieght'", "'weight'?"],
        ),
        ({"distill": {"group_size": 0}}, ["'variants.v.distill.group_size' is 0", "at least 1"]),
        ({"datasets": {"elpv": {"resolution": 64}}}, ["unknown key 'variants.v.datasets'"]),
        ({"prepare": {"resolution": 64}}, ["unknown key 'variants.v.prepare'", "pretrain"]),
        ({}, ["'variants.v'"]),
        # The patches are shared by all variants without a section 'patches' of their own.
        (
            {"distill": {"slots": 9}},
            ["variant 'v' sets 'distill.slots', which also numbers the patches", "mine.yaml"],
        ),
    ],
    ids=str,
)
def test_a_variant_of_what_is_no_setting_or_not_its_own_is_refused(
    changes: dict[str, Any], messages: list[str]
) -> None:
    with pytest.raises(FD2Error) as refused:
        with_variant(changes)
    for message in messages:
        assert message in str(refused.value)


def test_more_epochs_than_labels_are_refused_with_the_stage_that_is_not_named() -> None:
    settings = with_variant({"evaluate": {"epochs": 401}})
    cell = Cell(SetName("cub200", "sre2lpp", "fd2", "v"), 1, "resnet18", 0)
    with pytest.raises(FD2Error, match=r"'relabel\.epochs' only 400") as refused:
        settings.evaluate(cell)
    assert "as many epochs" in refused.value.fix
    both = with_variant({"relabel": {"epochs": 401}, "evaluate": {"epochs": 401}})
    assert both.evaluate(cell)["epochs"] == 401


@pytest.mark.parametrize(
    ("changes", "repeats"),
    [
        ({"distill": {"group_size": 4}}, True),
        ({"distill": {"group_size": 4, "class_chunk": 100}, "relabel": {"seed": 42}}, True),
        ({"distill": {"group_size": 4, "class_chunk": 99}}, False),
        ({"distill": {"fd2": {"regularisers": {"similarity": {"weight": 0.2}}}}}, True),
        ({"distill": {"fd2": {"cal_ratio": 0.5}}}, False),
        # That of the teacher ResNet18 on CUB-200-2011; overrides give others theirs.
        ({"pretrain": {"cal_ratio": 0.5}}, True),
        ({"pretrain": {"cal_ratio": 0.4}}, False),
        ({"pretrain": {"attention_crop": [0.4, 0.6]}}, True),
    ],
    ids=str,
)
def test_a_variant_that_changes_nothing_is_refused_where_it_is_asked_for(
    changes: dict[str, Any], repeats: bool
) -> None:
    settings = with_variant(changes)
    context = {"dataset": "cub200", "backbone": "resnet18", "student": "resnet18"}
    where = settings.where("variants", "v")
    if not repeats:
        require_change(settings.values, "v", context, where)
        return
    with pytest.raises(FD2Error, match="variant 'v' repeats 'base'") as refused:
        require_change(settings.values, "v", context, where)
    assert refused.value.where == where and "'variants.v'" in where
    assert "ask for 'base'" in refused.value.fix


def test_variants_of_the_release_repeat_base_under_its_own_preset() -> None:
    settings = with_variant({"distill": {"seed": 1}}, preset="release")
    names = [name for name in settings.variants() if name.startswith("release-")]
    assert len(names) == 26
    alone = {"release-class-chunk", "release-epochs", "release-general-batch"}
    alone |= {"release-fadrm-rate", "release-student-rate"}
    for name in set(names) - alone:
        with pytest.raises(FD2Error, match="under preset 'release'"):
            require_change(settings.values, name, {"dataset": "cub200"}, settings.source)
    require_change(settings.values, "v", {}, settings.source)
    require_change(settings.values, "base", {}, settings.source)
    # On ImageNette an override has other values than the preset.
    require_change(settings.values, "release-slot-patches", {"dataset": "imagenette"}, "")
