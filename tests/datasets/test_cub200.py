"""CUB-200-2011 in its true layout: from a mirror, from a nested copy, and damaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.datasets import cub200
from fd2.datasets._public import Published
from fd2.errors import FD2Error
from fd2.runtime.job import Job
from fd2.stages.prepare import PrepareSettings, prepare

Prepared = Callable[..., PreparedDataset]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cub200, "PUBLISHED", Published(classes=3, train=9, test=6))


@pytest.fixture
def copy(layouts: Any, tmp_path: Path) -> Path:
    layouts.write_cub(tmp_path / "copy")
    return tmp_path / "copy"


def refusal(root: Path) -> FD2Error:
    with pytest.raises(FD2Error) as caught:
        cub200.source({"local_path": str(root)}, "setting 'datasets.cub200'")
    return caught.value


def test_from_a_mirror_to_arrays(
    layouts: Any, copy: Path, tmp_path: Path, downloaded: Callable[..., Path], prepared: Prepared
) -> None:
    archive = layouts.packed(copy, tmp_path / "served" / "CUB_200_2011.tgz")
    folder = downloaded("cub200", archive)
    note = json.loads((folder / "downloaded.json").read_text())["archives"][0]
    assert note["name"] == "CUB_200_2011.tgz" and note["size"] == archive.stat().st_size
    assert sorted(path.name for path in folder.iterdir()) == [
        *("CUB_200_2011", "CUB_200_2011.json", "downloaded.json"),
    ]
    data = prepared("cub200", folder)
    assert data.manifest.classes == layouts.CUB_CLASSES
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert data.test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.manifest.source["split_rule"].startswith("official")
    names = [entry["path"] for entry in data.manifest.files["train"]]
    for name, pixels in zip(names, data.train.images, strict=True):
        assert name.startswith("images/0")
        with Image.open(copy / "CUB_200_2011" / name) as image:
            wanted = image.convert("RGB").resize((24, 24), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(pixels, np.asarray(wanted))
    modes = {Image.open(path).mode for path in (copy / "CUB_200_2011").rglob("*.jpg")}
    assert modes == {"RGB", "L", "CMYK"}
    inside = copy / "CUB_200_2011"
    for where in (copy, inside, shutil.copytree(copy, tmp_path / "kaggle" / "a" / "b")):
        again = prepared("cub200", local_path=str(where))
        assert again.manifest.digest() == data.manifest.digest(), "it depends on the place"


def test_wrong_numbers_are_told(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cub200, "PUBLISHED", Published(classes=200, train=5994, test=5794))
    error = refusal(copy)
    assert error.what == (
        "3 classes, 9 training and 6 test images; published are 200 classes, 5994 training and "
        "5794 test images"
    )
    assert "CUB-200 of 2010" in error.fix


@pytest.mark.parametrize(
    ("file", "before", "after", "message"),
    [
        ("image_class_labels.txt", "15 3", "15 4", "class label '4'"),
        ("image_class_labels.txt", "15 3", "15 0", "class label '0'"),
        ("image_class_labels.txt", "15 3", "15", "'15' has no value"),
        ("image_class_labels.txt", "15 3\n", "", "do not list the same images"),
        ("image_class_labels.txt", "15 3", "14 3", "'14' stands twice"),
        ("train_test_split.txt", "15 1", "15 2", "image 15 has split '2'"),
        ("classes.txt", "1 001", "0 001", "not numbered from 1"),
    ],
)
def test_damaged_lists(copy: Path, file: str, before: str, after: str, message: str) -> None:
    path = copy / "CUB_200_2011" / file
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    assert message in refusal(copy).what


def test_no_copy(tmp_path: Path) -> None:
    assert "images.txt" in refusal(tmp_path).what
    assert "no such folder" in refusal(tmp_path / "nowhere").what
    with pytest.raises(FD2Error, match="no copy of the images"):
        cub200.source({}, "here")


def test_a_missing_image_is_named(copy: Path, prepared: Prepared) -> None:
    gone = min((copy / "CUB_200_2011").rglob("*.jpg"))
    gone.unlink()
    with pytest.raises(FD2Error, match=r"1 image\(s\) not there") as caught:
        prepared("cub200", local_path=str(copy))
    assert gone.name in caught.value.what
    assert "get a complete copy of the dataset" in caught.value.fix
    with pytest.raises(FD2Error, match=r"1 image\(s\) not there") as caught:
        prepared("cub200", downloaded=copy)
    assert f"delete {copy}, so that a whole copy is downloaded" in caught.value.fix


def test_exif_orientations_are_followed_where_they_are_asked_for(
    copy: Path, prepared: Prepared
) -> None:
    path = min((copy / "CUB_200_2011").rglob("*.jpg"))
    exif = Image.Exif()
    exif[0x0112] = 3
    with Image.open(path) as image:
        image.save(path, exif=exif, quality="keep")
    stored, turned = (
        prepared("cub200", local_path=str(copy), **options)
        for options in ({}, {"apply_exif": True})
    )
    [row] = [
        row
        for row, entry in enumerate(stored.manifest.files["train"])
        if entry["path"].endswith(path.name)
    ]
    images = (stored.train.images[row], turned.train.images[row])
    assert np.abs(images[0].astype(int) - images[1][::-1, ::-1]).max() <= 2
    told = [data.manifest.remarks[-1].partition(" as their")[0] for data in (stored, turned)]
    assert told == ["pictures not turned", "pictures turned"]


def test_held_out_images_are_of_the_official_training_images(
    copy: Path, tmp_path: Path, job: Job
) -> None:
    settings = PrepareSettings("small", "cub200", 224, {"local_path": str(copy)})
    prepare(settings, tmp_path / "whole", job)
    prepare(replace(settings, held_out=0.25), tmp_path / "held", job)
    whole, held = (open_prepared(tmp_path / name).manifest for name in ("whole", "held"))
    listed = [entry["path"] for split in ("train", "test") for entry in held.files[split]]
    assert sorted(listed) == sorted(entry["path"] for entry in whole.files["train"])
    assert [entry["class"] for entry in held.files["test"]] == [0, 1, 2]
    # The published statistics are of all training images.
    assert "warnings" not in json.loads((tmp_path / "held/record.json").read_text())
    min((copy / "CUB_200_2011").rglob("images.txt")).write_text("1 a/b.jpg\n")
    with pytest.raises(FD2Error, match="do not list the same images"):
        prepare(replace(settings, held_out=0.25), tmp_path / "held", job)


def test_statistics_far_from_the_published_ones_are_noted(
    copy: Path, tmp_path: Path, job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    for resolution, words in ((224, ["mean", "std"]), (64, [])):
        settings = PrepareSettings("small", "cub200", resolution, {"local_path": str(copy)})
        prepare(settings, tmp_path / "out", job)
        record = json.loads((tmp_path / "out/record.json").read_text())
        warnings = record.get("warnings", [])
        assert [line.split()[0] for line in warnings] == words
        printed = capsys.readouterr().out
        assert [line for line in printed.splitlines() if line.startswith("warning")] == [
            f"warning: {line}" for line in (*record["remarks"], *warnings)
        ]
        if words:
            assert warnings[0].endswith("FD²'s code has [0.4857, 0.4994, 0.4326]")


def test_statistics_near_the_published_ones_are_not(
    copy: Path, tmp_path: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = PrepareSettings("small", "cub200", 224, {"local_path": str(copy)})
    prepare(settings, tmp_path / "out", job)
    manifest = open_prepared(tmp_path / "out").manifest
    near = [tuple(value + 0.004 for value in values) for values in (manifest.mean, manifest.std)]
    monkeypatch.setattr(cub200, "REFERENCE_STATISTICS", tuple(near))
    prepare(settings, tmp_path / "out", job)
    assert "warnings" not in json.loads((tmp_path / "out/record.json").read_text())
