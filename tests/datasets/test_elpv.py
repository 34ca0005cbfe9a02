"""The installed elpv package: labels, both splits, and what happens without it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections import Counter
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from fd2.config.validation import validate
from fd2.datasets import elpv
from fd2.errors import FD2Error

PLACE = "setting 'datasets.elpv'"
#: Per class: train and test images of each split; sha256 of the sorted list of test names.
KNOWN = {
    "module": (
        [431, 84, 41, 226, 664, 138, 39, 299],
        [157, 33, 15, 87, 256, 40, 11, 103],
        "b951af51ff0e91e9734ee0f76c554a6a2a6b6b4b88842ea51e40df863d8cad0c",
    ),
    "hashed": (
        [441, 87, 42, 234, 690, 133, 37, 301],
        [147, 30, 14, 79, 230, 45, 13, 101],
        "bc0b0342db1724cf172a626d7ea1fe16ee2bb037d932c06cb5e6bba5d2a01881",
    ),
}


@pytest.mark.parametrize("split", KNOWN)
def test_split_is_the_published_list(split: str) -> None:
    train, test, digest = KNOWN[split]
    source = elpv.source({"split": split}, PLACE)
    names = sorted(image.name for image in source.images if image.split == "test")
    listing = "".join(f"{name}\n" for name in names)
    assert hashlib.sha256(listing.encode()).hexdigest() == digest
    count = Counter((image.split, image.class_id) for image in source.images)
    assert [count["train", c] for c in range(8)] == train
    assert [count["test", c] for c in range(8)] == test
    assert len({image.name for image in source.images}) == 2624


def test_module_split_is_the_default_and_classes_are_in_order() -> None:
    source = elpv.source({}, PLACE)
    assert source == elpv.source({"split": "module"}, PLACE)
    assert source.classes == (
        "mono_000", "mono_033", "mono_067", "mono_100",
        "poly_000", "poly_033", "poly_067", "poly_100",
    )  # fmt: skip
    by_name = {image.name: image.class_id for image in source.images}
    # cells 1 and 4 read "1.0 mono" and "0.0 mono"; cell 1836 is a dead cell, "1.0 poly"
    assert by_name["images/cell0001.png"] == 3
    assert by_name["images/cell0004.png"] == 0
    assert by_name["images/cell1836.png"] == 7


def test_every_listed_file_exists_and_facts_name_the_licence() -> None:
    source = elpv.source({}, PLACE)
    assert all(image.path.is_file() for image in source.images)
    assert "CC BY-NC-SA 4.0" in source.facts["licence"]
    assert "Buerhop-Lutz" in source.facts["attribution"]
    assert source.facts["version"] == "1.0.0.post1"
    assert "site-packages" not in json.dumps(source.facts)


def test_wrong_split_is_refused_with_a_suggestion() -> None:
    with pytest.raises(FD2Error, match="did you mean 'module'") as caught:
        validate({"split": "modul"}, elpv.SETTINGS_SCHEMA, PLACE)
    assert "hashed" in str(caught.value)


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FD2Error, match="not installed") as caught:
        elpv.source({}, PLACE)
    assert caught.value.where == PLACE
    assert caught.value.fix == "pip install 'fd2[quickstart]'"


@pytest.mark.parametrize("labels", [None, "images/cell0001.png  1.0  mono\n"])
def test_other_labels_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: str | None
) -> None:
    (tmp_path / "data").mkdir()
    if labels is not None:
        (tmp_path / "data" / "labels.csv").write_text(labels)
    spec = ModuleSpec("elpv_dataset", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(FD2Error, match="labels are not the known ones") as caught:
        elpv.source({}, PLACE)
    assert caught.value.where == str(tmp_path / "data" / "labels.csv")
    assert "1.0.0.post1" in caught.value.fix
