"""The rendered dataset: the same for any number of workers, balanced, marked, neither easy nor
hopeless."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections import Counter
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ImageFont

from fd2.artifacts.prepared import open_prepared
from fd2.config.validation import validate
from fd2.datasets import typefaces
from fd2.datasets._decode import read_images
from fd2.datasets._source import ImageSource, SourceImage
from fd2.datasets.typefaces import LETTERS, split_of, texts
from fd2.errors import FD2Error
from fd2.runtime.job import Job
from fd2.stages.prepare import PrepareSettings, prepare

PLACE = "setting 'datasets.typefaces'"
RESOLUTION = 32
NUMBER = len(typefaces.CLASSES)
OPTIONS: dict[str, Any] = {
    "seed": 0,
    "train_per_class": 3,
    "test_per_class": 2,
    "slant": 4,
    "blur": [0, 0.8],
    "noise": [2, 12],
}


def listed(**changes: Any) -> ImageSource:
    options = {**OPTIONS, **changes}
    validate(options, typefaces.SETTINGS_SCHEMA, PLACE)
    return typefaces.source(options, PLACE)


def of_split(source: ImageSource, split: str) -> list[SourceImage]:
    return [image for image in source.images if image.split == split]


def text_of(image: SourceImage) -> str:
    return image.name.rpartition("_")[2]


def pixels(source: ImageSource, images: list[SourceImage], resolution: int) -> np.ndarray:
    assert source.render is not None
    drawn = np.empty((len(images), resolution, resolution, 3), np.uint8)
    keep = drawn.__setitem__
    assert read_images(source, images, resolution, 1, "test", keep=keep).faults == {}
    return drawn


def test_same_bytes_for_any_number_of_workers(tmp_path: Path, job: Job) -> None:
    settings = PrepareSettings("letters", "typefaces", RESOLUTION, OPTIONS)
    for name, workers in (("one", 1), ("again", 1), ("four", 4)):
        prepare(settings, tmp_path / name, job, workers=workers)
    files = sorted(path.name for path in (tmp_path / "one").iterdir() if path.name != "record.json")
    assert len(files) == 5
    for name in files:
        wanted = (tmp_path / "one" / name).read_bytes()
        assert (tmp_path / "again" / name).read_bytes() == wanted
        assert (tmp_path / "four" / name).read_bytes() == wanted


def test_manifest_says_rendered_and_holds_the_digests_of_pixels(tmp_path: Path, job: Job) -> None:
    prepare(PrepareSettings("letters", "typefaces", RESOLUTION, OPTIONS), tmp_path, job)
    prepared = open_prepared(tmp_path)
    facts = prepared.manifest.source
    assert "no photographs" in facts["rendered"]
    assert facts["licence"].startswith("rendered images")
    assert facts["resize"].startswith("none: rendered")
    assert facts["options"] == OPTIONS
    assert set(facts["fonts_sha256"]) == {f"{name}.ttf" for name in typefaces.CLASSES}
    assert {"matplotlib", "pillow", "freetype"} <= set(facts)
    assert "site-packages" not in json.dumps(facts)
    entries = prepared.manifest.files["test"]
    assert len(entries) == len({entry["sha256"] for entry in entries}) == 2 * NUMBER
    for entry, image in zip(entries, prepared.test.images, strict=True):
        assert entry["path"].startswith("rendered/test/")
        assert entry["sha256"] == hashlib.sha256(image.tobytes()).hexdigest()


def test_classes_are_balanced_and_show_the_same_texts() -> None:
    source = listed(train_per_class=30, test_per_class=20)
    assert NUMBER >= 20
    count = Counter((image.split, image.class_id) for image in source.images)
    assert set(count.values()) == {30, 20}
    assert len(count) == 2 * NUMBER
    for split in ("train", "test"):
        by_class = [
            [text_of(image) for image in of_split(source, split) if image.class_id == class_id]
            for class_id in range(NUMBER)
        ]
        assert all(same == by_class[0] for same in by_class)
        assert len(set(by_class[0])) == len(by_class[0])


def test_no_text_of_the_test_images_is_trained_on_in_any_spelling() -> None:
    train = {text.lower() for seed in (0, 1) for text in texts(seed, "train", 1500)}
    test = {text.lower() for seed in (0, 1) for text in texts(seed, "test", 1500)}
    assert len(train) > 1500
    assert not train & test
    assert {split_of(text.upper()) for text in test} == {"test"}
    assert set(LETTERS) == set("".join(train)) == set("".join(test))
    spellings = Counter(
        "small" if text.islower() else "capitals" if text.isupper() else "first"
        for text in texts(0, "test", 1500)
    )
    assert min(spellings.values()) > 400


def test_more_images_begin_with_the_same_ones() -> None:
    assert texts(0, "train", 40)[:25] == texts(0, "train", 25)
    few, many = listed(), listed(train_per_class=6)
    names = {image.name: image for image in many.images}
    images = of_split(few, "train")
    same = [names[image.name] for image in images]
    np.testing.assert_array_equal(pixels(few, images, RESOLUTION), pixels(many, same, RESOLUTION))


def test_each_image_differs_and_seeds_differ() -> None:
    first, second = listed(), listed(seed=1)
    drawn = [pixels(s, list(s.images), RESOLUTION) for s in (first, second)]
    digests = {hashlib.sha256(image.tobytes()).digest() for each in drawn for image in each}
    assert len(digests) == 2 * 5 * NUMBER


def test_the_font_of_the_class_draws_the_letters() -> None:
    """The same texts with nothing else varied leave other pixels for each pair of classes."""
    source = listed(slant=0, blur=[0, 0], noise=[0, 0])
    for class_id, name in enumerate(source.classes):
        paths = {image.path for image in source.images if image.class_id == class_id}
        assert [path.stem for path in paths] == [name]
    fonts = {name: ImageFont.truetype(typefaces._font(name, PLACE), 60) for name in source.classes}
    letters = LETTERS + LETTERS.upper()
    # A font that lacks a letter draws the box of its unknown character instead.
    for name, font in fonts.items():
        assert len({bytes(font.getmask(letter)) for letter in letters}) == len(letters), name
    assert len({bytes(font.getmask(letters)) for font in fonts.values()}) == NUMBER


def orientation(images: np.ndarray) -> np.ndarray:
    """Shares of edge directions modulo 180 degrees and of edge strengths: ``[N, 44]``."""
    grey = images.astype(np.float64).mean(axis=3)
    down, right = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(down, right)
    strength /= strength.max(axis=(1, 2), keepdims=True)
    angle = np.arctan2(down, right) % np.pi
    where = (np.minimum(angle / np.pi * 36, 35)).astype(int)
    histogram = [
        np.bincount(w.ravel(), s.ravel() ** 2, 36) / (s**2).sum()
        for w, s in zip(where, strength, strict=True)
    ]
    levels = [np.histogram(s, 8, (0, 1))[0] / s.size for s in strength]
    return np.hstack([histogram, levels])


def test_edge_directions_tell_more_than_chance_and_not_all() -> None:
    source = listed(train_per_class=40, test_per_class=20)
    features, classes = [], []
    for split in ("train", "test"):
        images = of_split(source, split)
        features.append(orientation(pixels(source, images, 64)))
        classes.append(np.array([image.class_id for image in images]))
    spread = features[0].std(axis=0)
    train, test = ((each - features[0].mean(axis=0)) / spread for each in features)
    weights = np.linalg.solve(
        train.T @ train + 10 * np.eye(train.shape[1]), train.T @ np.eye(NUMBER)[classes[0]]
    )
    accuracy = ((test @ weights).argmax(axis=1) == classes[1]).mean()
    assert 3 / NUMBER < accuracy < 0.6


def test_raw_pixels_tell_next_to_nothing() -> None:
    """No class has a colour, a place or a brightness of its own."""
    source = listed(train_per_class=40, test_per_class=20)
    small = [pixels(source, of_split(source, split), 8) for split in ("train", "test")]
    train, test = (each.reshape(NUMBER, -1, 8 * 8 * 3).astype(np.float64) for each in small)
    centroids = train.mean(axis=1)
    nearest = np.square(test[:, :, None] - centroids).sum(axis=3).argmin(axis=2)
    accuracy = (nearest == np.arange(NUMBER)[:, None]).mean()
    assert accuracy < 3 / NUMBER


def test_upside_down_range_and_wrong_values_are_refused() -> None:
    with pytest.raises(FD2Error, match=r"'blur' is \[2, 1\]") as caught:
        listed(blur=[2, 1])
    assert PLACE in caught.value.where and "[1, 2]" in caught.value.fix
    with pytest.raises(FD2Error, match="train_per_class") as caught:
        listed(train_per_class=1)
    assert "at least 2" in caught.value.fix


def test_missing_fonts_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = ModuleSpec("matplotlib", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: elsewhere)
    with pytest.raises(FD2Error, match=r"no font DejaVuSans\.ttf") as caught:
        listed()
    assert "matplotlib" in caught.value.fix


def test_broken_font_is_named_by_prepare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: Job
) -> None:
    for name in typefaces.CLASSES:
        path = tmp_path / typefaces.FONTS / f"{name}.ttf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(typefaces._font(name, PLACE).read_bytes())
    (tmp_path / typefaces.FONTS / "cmr10.ttf").write_bytes(b"not a font")
    spec = ModuleSpec("matplotlib", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    settings = PrepareSettings("letters", "typefaces", RESOLUTION, OPTIONS)
    with pytest.raises(FD2Error, match=r"5 broken image\(s\)") as caught:
        prepare(settings, tmp_path / "out", job)
    assert "cmr10.ttf: unknown file format" in caught.value.what
