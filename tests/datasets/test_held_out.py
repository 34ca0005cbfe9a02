"""Training images in place of the test images: which ones, and what never happens."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fd2.artifacts.prepared import open_prepared
from fd2.config import plugins
from fd2.config.datasets import held_out_fraction
from fd2.config.schema import config_schema
from fd2.config.validation import validate
from fd2.datasets import elpv, typefaces
from fd2.datasets._shares import hold_out
from fd2.datasets._source import ImageSource, SourceImage
from fd2.errors import FD2Error
from fd2.runtime.job import Job
from fd2.stages.prepare import PrepareSettings, prepare

SPLITS = ("train", "test")
PLACE = "setting 'datasets.mine'"
LETTERS: dict[str, Any] = {
    "seed": 0,
    "train_per_class": 40,
    "test_per_class": 5,
    "slant": 4,
    "blur": [0, 0.8],
    "noise": [2, 12],
}


def made(sizes: Sequence[int], groups: Sequence[str | None] | None = None) -> ImageSource:
    """Classes of these sizes, and as many test images; ``groups`` go round over the images."""
    images = []
    for split in ("train", "test"):
        for class_id, size in enumerate(sizes):
            for number in range(size):
                name = f"{split}/{class_id}/{number}.png"
                group = None if groups is None else groups[number % len(groups)]
                images.append(SourceImage(Path(name), name, class_id, split, group))  # type: ignore[arg-type]
    classes = tuple(f"class {position}" for position in range(len(sizes)))
    return ImageSource(classes, tuple(images), {"split_rule": "own"})


def names(source: ImageSource, split: str) -> set[str]:
    return {image.name for image in source.images if image.split == split}


def sizes(source: ImageSource, split: str) -> list[int]:
    count = Counter(image.class_id for image in source.images if image.split == split)
    return [count[class_id] for class_id in range(len(source.classes))]


def test_images_that_stand_for_themselves_are_the_first_of_each_class_by_hash() -> None:
    source = made([40, 7, 3])
    held = hold_out(source, 0.25, PLACE)
    wanted: set[str] = set()
    for class_id in range(3):
        own = [i.name for i in source.images if (i.class_id, i.split) == (class_id, "train")]
        own.sort(key=lambda name: hashlib.sha256(name.encode()).hexdigest())
        wanted |= set(own[: math.ceil(0.25 * len(own))])
    assert names(held, "test") == wanted
    assert sizes(held, "test") == [10, 2, 1]
    assert names(held, "train") == names(source, "train") - wanted
    assert not names(source, "test") & {image.name for image in held.images}
    order = [image.name for image in source.images if image.split == "train"]
    assert [image.name for image in held.images] == order


def test_the_order_of_the_images_decides_nothing() -> None:
    source = made([30, 12], ["a", "b", "c", None])
    turned = replace(source, images=source.images[::-1])
    assert names(hold_out(source, 0.3, PLACE), "test") == names(
        hold_out(turned, 0.3, PLACE), "test"
    )


def test_the_facts_say_it_and_the_source_is_left_as_it_was() -> None:
    source = made([8, 8])
    held = hold_out(source, 0.5, PLACE)
    assert held.facts["tested_on"] == "held-out training images"
    assert (held.facts["held_out_fraction"], held.facts["split_rule"]) == (0.5, "own")
    assert source.facts == {"split_rule": "own"}


def test_without_a_share_the_dataset_keeps_its_test_images() -> None:
    source = made([8, 8])
    assert hold_out(source, None, PLACE) is source


def test_groups_stay_whole_and_counts_come_near_to_the_share() -> None:
    groups = [f"group {number}" for number in range(12)]
    held = hold_out(made([120, 36], groups), 0.25, PLACE)
    sides = {split: {i.group for i in held.images if i.split == split} for split in SPLITS}
    assert not sides["train"] & sides["test"]
    assert sizes(held, "test") == [30, 9]


def test_modules_of_solar_cells_stay_whole() -> None:
    source = elpv.source({}, PLACE)
    held = hold_out(source, 0.25, PLACE)
    assert not names(source, "test") & {image.name for image in held.images}
    number = {i.name: int(Path(i.name).stem.removeprefix("cell")) for i in source.images}
    split = {number[image.name]: image.split for image in held.images}
    kind = {number[image.name]: image.class_id // 4 for image in source.images}
    for cell, here in split.items():
        # Neighbours of one type may be of one module: unless a test block parts them, they are on
        # one side.
        if split.get(cell + 1, here) != here:
            assert kind[cell] != kind[cell + 1], cell
    assert sizes(held, "test") == [183, 11, 11, 37, 168, 37, 14, 71]
    assert sizes(held, "train") == [248, 73, 30, 189, 496, 101, 25, 228]


def test_a_text_stands_on_one_side_for_all_typefaces() -> None:
    source = typefaces.source(LETTERS, PLACE)
    held = hold_out(source, 0.25, PLACE)
    assert sizes(held, "train") == [30] * 21
    assert sizes(held, "test") == [10] * 21
    texts = {
        split: {name.rpartition("_")[2].lower() for name in names(held, split)} for split in SPLITS
    }
    assert (len(texts["train"]), len(texts["test"])) == (30, 10)
    assert not texts["train"] & texts["test"]
    assert all(name.startswith("rendered/train/") for name in names(held, "test"))


def test_a_class_that_no_group_can_be_taken_from_is_named() -> None:
    source = made([10, 10])
    whole = [
        replace(image, group="only one" if image.class_id else None) for image in source.images
    ]
    with pytest.raises(FD2Error, match="without a held-out image: 'class 1'") as caught:
        hold_out(replace(source, images=tuple(whole)), 0.25, PLACE)
    assert caught.value.where == PLACE
    assert "held_out_fraction" in caught.value.fix


def test_prepared_data_holds_no_test_image_and_its_own_statistics(
    cell_images: Path, tmp_path: Path, job: Job
) -> None:
    settings = PrepareSettings("cells", "imagefolder", 32, {"path": str(cell_images)})
    for name in ("once", "again"):
        prepare(replace(settings, held_out=0.25), tmp_path / name, job)
    prepare(settings, tmp_path / "whole", job)
    held, again, whole = (open_prepared(tmp_path / name) for name in ("once", "again", "whole"))
    assert held.manifest.digest() == again.manifest.digest() != whole.manifest.digest()
    assert held.manifest.tested_on == "held-out training images"
    assert whole.manifest.tested_on == "test images"
    assert not {"tested_on", "held_out_fraction"} & whole.manifest.source.keys()
    paths = {
        (name, split): {entry["path"] for entry in data.manifest.files[split]}
        for name, data in (("held", held), ("whole", whole))
        for split in SPLITS
    }
    assert paths["held", "train"] | paths["held", "test"] == paths["whole", "train"]
    assert not paths["held", "train"] & paths["held", "test"]
    flat = held.train.images.reshape(-1, 3) / 255
    np.testing.assert_allclose(held.manifest.mean, flat.mean(0), rtol=1e-12)
    np.testing.assert_allclose(held.manifest.std, flat.std(0), rtol=1e-12)
    record = json.loads((tmp_path / "once" / "record.json").read_text())
    assert record["settings"]["held_out"] == 0.25


def test_a_class_too_small_to_hold_out_from_is_refused(
    cell_images: Path, tmp_path: Path, job: Job
) -> None:
    images = shutil.copytree(cell_images, tmp_path / "images")
    small = min((images / "train").iterdir())
    for path in sorted(small.iterdir())[2:]:
        path.unlink()
    settings = PrepareSettings("cells", "imagefolder", 32, {"path": str(images)}, 0.25)
    with pytest.raises(FD2Error, match="fewer than 2 training images") as caught:
        prepare(settings, tmp_path / "out", job)
    assert f"'{small.name}' (1)" in caught.value.what
    assert "held_out_fraction" in caught.value.fix
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", plugins.names("datasets"))
def test_every_kind_can_be_held_out_from(kind: str) -> None:
    own = plugins.load("datasets", kind).SETTINGS_SCHEMA
    kinds = {
        **{"imagefolder": {"path": "here"}, "typefaces": LETTERS},
        "imagenet_subset": {"subset": "woof"},
    }
    needed = kinds.get(kind, {})
    assert set(own.get("required", [])) <= set(needed)
    schema = config_schema()["properties"]["datasets"]
    entry = {"kind": kind, "resolution": 32, **needed, "tested_on": "held_out"}
    validate({"mine": {**entry, "held_out_fraction": 0.1}}, schema, "config")
    with pytest.raises(FD2Error, match=r"'mine\.tested_on' is 'heldout'") as caught:
        validate({"mine": {**entry, "tested_on": "heldout"}}, schema, "config")
    assert "did you mean 'held_out'" in caught.value.fix
    for wrong in (0, 1):
        with pytest.raises(FD2Error, match="held_out_fraction"):
            validate({"mine": {**entry, "held_out_fraction": wrong}}, schema, "config")


@pytest.mark.parametrize(
    ("entry", "fraction"),
    [
        ({}, None),
        ({"tested_on": "test", "held_out_fraction": 0.5}, None),
        ({"tested_on": "held_out"}, 0.25),
        ({"tested_on": "held_out", "held_out_fraction": 0.5}, 0.5),
    ],
)
def test_what_an_entry_asks_for(entry: dict[str, Any], fraction: float | None) -> None:
    assert held_out_fraction(entry) == fraction
