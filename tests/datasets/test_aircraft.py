"""FGVC-Aircraft in its true layout: slashes in names, leading zeros, the banner."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fd2.artifacts.prepared import PreparedDataset
from fd2.datasets import aircraft
from fd2.datasets._public import Published
from fd2.errors import FD2Error

Prepared = Callable[..., PreparedDataset]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aircraft, "PUBLISHED", Published(classes=3, train=9, test=6))


@pytest.fixture
def copy(layouts: Any, tmp_path: Path) -> Path:
    layouts.write_aircraft(tmp_path / "copy")
    return tmp_path / "copy"


def test_from_a_mirror_to_arrays(
    layouts: Any, copy: Path, tmp_path: Path, downloaded: Callable[..., Path], prepared: Prepared
) -> None:
    archive = layouts.packed(copy, tmp_path / "served" / "fgvc-aircraft-2013b.tar.gz")
    data = prepared("aircraft", downloaded("aircraft", archive))
    assert data.manifest.classes == ("F/A-18", "Boeing 747-400", "F-16A/B")
    assert data.train.labels.tolist() == [0, 1, 2] * 3
    assert data.test.labels.tolist() == [0, 1, 2] * 2
    assert data.manifest.files["train"][0]["path"] == "images/0034310.jpg"
    assert data.manifest.source["banner"] == "kept"
    nested = prepared("aircraft", local_path=str(copy.parent))
    assert nested.manifest.digest() == data.manifest.digest()


def test_tables_are_taken_where_the_archive_is_gone(
    layouts: Any, copy: Path, tmp_path: Path, prepared: Prepared, from_tables: Callable[..., Path]
) -> None:
    official = prepared("aircraft", local_path=str(copy))
    folder = from_tables(aircraft, *layouts.write_aircraft_tables(tmp_path, copy))
    data = prepared("aircraft", folder)
    assert data.manifest.classes == layouts.AIRCRAFT_CLASSES, "the variants, no manufacturers"
    for split in ("train", "test"):
        expected, got = getattr(official, split), getattr(data, split)
        assert got.labels.tolist() == expected.labels.tolist()
        np.testing.assert_array_equal(got.images, expected.images)
    assert data.manifest.files["train"][6]["path"] == "validation-00000-of-00002/000000.jpg"
    assert data.manifest.source["split_rule"].endswith("train and validation, test")
    archive = copy / "fgvc-aircraft-2013b"
    shutil.copytree(archive, folder / archive.name)
    both = prepared("aircraft", folder)
    assert both.manifest.digest() == official.manifest.digest(), "the archive goes first"
    shutil.rmtree(folder / archive.name)
    shutil.rmtree(folder / "validation-00001-of-00002")
    with pytest.raises(FD2Error, match="8 training and 6 test images"):
        aircraft.source({"local_path": str(folder)}, "here")


def test_the_banner_is_cut_off_before_the_frame_is_warped(copy: Path, prepared: Prepared) -> None:
    data = prepared("aircraft", local_path=str(copy), crop_banner=True)
    assert data.manifest.source["banner"] == "20 rows cut off"
    path = copy / "fgvc-aircraft-2013b" / "data" / data.manifest.files["test"][1]["path"]
    with Image.open(path) as image:
        wanted = image.convert("RGB").crop((0, 0, 60, 25)).resize((24, 24), 3)
    np.testing.assert_array_equal(data.test.images[1], np.asarray(wanted))


def test_an_image_no_higher_than_the_banner(copy: Path, prepared: Prepared) -> None:
    path = next(copy.rglob("0034312.jpg"))
    Image.new("RGB", (60, 20)).save(path)
    with pytest.raises(FD2Error, match="20 rows, of which 20 are to be cut off"):
        prepared("aircraft", local_path=str(copy), crop_banner=True)


def test_unknown_variant_and_train_alone(copy: Path) -> None:
    settings = {"local_path": str(copy)}
    path = next(copy.rglob("images_variant_trainval.txt"))
    text = path.read_text()
    path.write_text(text.replace("F-16A/B", "F-16A", 1))
    with pytest.raises(FD2Error, match="unknown variant 'F-16A'") as caught:
        aircraft.source(settings, "here")
    assert "did you mean 'F-16A/B'?" in caught.value.fix
    path.write_text(next(copy.rglob("images_variant_train.txt")).read_text())
    with pytest.raises(FD2Error, match="6 training and 6 test images; published are 3 classes, 9"):
        aircraft.source(settings, "here")
    path.write_text(text + next(copy.rglob("images_variant_test.txt")).read_text().splitlines()[0])
    with pytest.raises(FD2Error, match="10 training"):
        aircraft.source(settings, "here")
