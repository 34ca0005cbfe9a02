"""Which labels a set brings with it: by variant, by the whole config, and by one dataset alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from fd2.config.checks import checked_configuration
from fd2.config.continual import continual_settings
from fd2.config.imported_labels import (
    brings_labels,
    imported_label_settings,
    labelled_variants,
    require_labels_of,
)
from fd2.config.layers import merge
from fd2.config.names import Cell, SetName
from fd2.config.resolve import Configuration
from fd2.errors import FD2Error

CONFIG = Path(__file__).parents[2] / "config"


def configured(changes: dict[str, Any]) -> Configuration:
    values = yaml.safe_load((CONFIG / "config.yaml").read_text())
    quickstart = yaml.safe_load((CONFIG / "quickstart.yaml").read_text())
    merged = merge(merge(values, quickstart), changes)
    return checked_configuration(merged, "the test's config", CONFIG)


def importing(**own: Any) -> dict[str, Any]:
    return {"distill": {"methods": {"imported": own}}}


def name(variant: str, method: str = "imported") -> SetName:
    return SetName("elpv", method, "plain", variant)


def test_a_variant_with_labels_has_no_teacher_that_labels() -> None:
    theirs = importing(path="set", soft_labels="labels/{ipc}")
    theirs["relabel"] = {"epochs": 30, "bits": 32}
    bare = importing(path="set")
    settings = configured({"variants": {"theirs": theirs, "bare": bare}})
    assert labelled_variants(settings) == ["theirs"]
    assert settings.relabel_teachers(name("theirs"), 1) == []
    assert settings.relabel_teachers(name("bare"), 1) != []
    # Our own methods in the same variant are labelled as always.
    assert not brings_labels(settings, name("theirs", "random"))
    assert settings.relabel_teachers(name("base", "random"), 1) != []
    told = imported_label_settings(settings, name("theirs"), 5)
    assert (told["epochs"], told["storage"]["bits"], told["images_per_class"]) == (30, 32, 5)
    assert told["method_settings"]["soft_labels"] == "labels/{ipc}"


def test_labels_may_be_named_for_all_variants_or_one_dataset() -> None:
    everywhere = {
        **importing(path="set", soft_labels="labels"),
        "variants": {"none": importing(soft_labels=None), "other": importing(path="other")},
    }
    settings = configured(everywhere)
    found = labelled_variants(settings)
    assert "base" in found and "other" in found and "none" not in found
    of_one = {
        "variants": {"theirs": importing(path="set")},
        "overrides": {
            "one": {"where": {"dataset": "elpv"}, "set": importing(soft_labels="labels")}
        },
    }
    settings = configured(of_one)
    assert "theirs" in labelled_variants(settings)
    require_labels_of(settings, name("theirs"), 5, brought=True)
    other = SetName("imagenette", "imported", "plain", "theirs")
    with pytest.raises(FD2Error, match="of some datasets alone"):
        require_labels_of(settings, other, 5, brought=True)


def test_labels_of_a_set_are_not_replayed_for_a_part_of_its_classes() -> None:
    theirs = importing(path="set", soft_labels="labels")
    hard = {**theirs, "evaluate": {"labels": "hard"}}
    settings = configured({"variants": {"theirs": theirs, "hard": hard}})
    cell = Cell(name("theirs"), 5, "resnet10t", 0)
    with pytest.raises(FD2Error, match="mix images of all classes"):
        continual_settings(settings, cell, 2)
    cell = Cell(name("hard"), 5, "resnet10t", 0)
    assert continual_settings(settings, cell, 2)["relabel"] is None
