"""Stanford Cars: all forms of labels, nested folders, the file without classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fd2.artifacts.prepared import PreparedDataset
from fd2.datasets import cars
from fd2.datasets._public import Published
from fd2.errors import FD2Error

Prepared = Callable[..., PreparedDataset]
LABELS = "cars_test_annos_withlabels.mat"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cars, "PUBLISHED", Published(classes=3, train=9, test=6))


def refusal(root: Path) -> FD2Error:
    with pytest.raises(FD2Error) as caught:
        cars.source({"local_path": str(root)}, "setting 'datasets.cars'")
    return caught.value


def archives(layouts: Any, tmp_path: Path) -> list[Path]:
    """The three files of the main route, as they are packed by their hosts."""
    layouts.write_cars(tmp_path / "all")
    served = tmp_path / "served"
    images, devkit = tmp_path / "images" / "stanford-cars", tmp_path / "kit"
    for folder in (images, devkit, served):
        folder.mkdir(parents=True)
    for name in ("cars_train", "cars_test"):
        (tmp_path / "all" / name).rename(images / name)
    # Its numbering is of another set of images: it must not be taken.
    layouts.write_mat(images / "cars_annos.mat", layouts.cars_records(True), names=True)
    (tmp_path / "all" / "devkit").rename(devkit / "devkit")
    (tmp_path / "all" / LABELS).rename(served / LABELS)
    return [
        layouts.packed(images.parent, served / "stanford-cars.tgz"),
        layouts.packed(devkit, served / "car_devkit.tgz"),
        served / LABELS,
    ]


def test_from_mirrors_to_arrays(
    layouts: Any, tmp_path: Path, downloaded: Callable[..., Path], prepared: Prepared
) -> None:
    data = prepared("cars", downloaded("cars", *archives(layouts, tmp_path)))
    assert data.manifest.classes == layouts.CARS_CLASSES
    assert data.train.labels.tolist() == [2, 1, 0] * 3
    assert data.test.labels.tolist() == [2, 1, 0] * 2
    assert data.manifest.files["test"][3]["path"] == "cars_test/00004.jpg"
    layouts.write_cars(tmp_path / "kaggle" / "stanford", nested=True)
    nested = prepared("cars", local_path=str(tmp_path / "kaggle"))
    assert nested.manifest.digest() == data.manifest.digest()


def test_one_folder(layouts: Any, tmp_path: Path, prepared: Prepared) -> None:
    layouts.write_combined_cars(tmp_path / "copy")
    data = prepared("cars", local_path=str(tmp_path / "copy"))
    assert data.manifest.classes == layouts.CARS_CLASSES
    assert data.train.labels.tolist() == [2, 1, 0] * 3
    paths = [entry["path"] for entry in data.manifest.files["test"]]
    assert paths == [f"car_ims/{number:06}.jpg" for number in range(1, 7)]
    assert data.manifest.source["split_rule"] == "official: cars_annos.mat"


def test_tables_are_taken_where_the_archives_are_gone(
    layouts: Any, tmp_path: Path, prepared: Prepared, from_tables: Callable[..., Path]
) -> None:
    layouts.write_cars(tmp_path / "all")
    official = prepared("cars", local_path=str(tmp_path / "all"))
    data = prepared(
        "cars", from_tables(cars, *layouts.write_cars_tables(tmp_path, tmp_path / "all"))
    )
    assert data.manifest.classes == layouts.CARS_CLASSES
    for split in ("train", "test"):
        expected, got = getattr(official, split), getattr(data, split)
        assert got.labels.tolist() == expected.labels.tolist()
        np.testing.assert_array_equal(got.images, expected.images)
    assert data.manifest.files["test"][5]["path"] == "test-00001-of-00002/000000.jpg"


def test_a_table_of_other_classes(
    layouts: Any, tmp_path: Path, from_tables: Callable[..., Path]
) -> None:
    layouts.write_cars(tmp_path / "all")
    tables = layouts.write_cars_tables(tmp_path, tmp_path / "all")
    layouts.write_table(tables[-1], [], label=reversed(layouts.CARS_CLASSES))
    error = refusal(from_tables(cars, *tables))
    assert "other classes" in error.what and error.where.endswith("test-00001-of-00002")


def test_an_image_short(layouts: Any, tmp_path: Path, from_tables: Callable[..., Path]) -> None:
    layouts.write_cars(tmp_path / "all")
    tables = layouts.write_cars_tables(tmp_path, tmp_path / "all")
    layouts.write_table(tables[-1], [], label=layouts.CARS_CLASSES)
    assert "9 training and 5 test images" in refusal(from_tables(cars, *tables)).what


def test_test_labels_without_classes(layouts: Any, tmp_path: Path) -> None:
    layouts.write_cars(tmp_path, nested=True, labels=False)
    error = refusal(tmp_path)
    assert error.what == "cars_test_annos.mat has no classes"
    assert LABELS in error.fix and "790f75be8ea3" in error.fix
    unlabelled = next(tmp_path.rglob("cars_test_annos.mat"))
    unlabelled.rename(tmp_path / LABELS)
    assert refusal(tmp_path).what == f"{LABELS} has no classes"
    (tmp_path / LABELS).unlink()
    assert refusal(tmp_path).what == f"no {LABELS}"


@pytest.mark.parametrize("label", [0, 4, 1.5, float("nan"), "one"])
def test_label_out_of_range(layouts: Any, tmp_path: Path, label: object) -> None:
    layouts.write_cars(tmp_path)
    records = layouts.cars_records(False)
    records[2]["class"] = label
    layouts.write_mat(tmp_path / LABELS, records)
    error = refusal(tmp_path)
    assert error.what.startswith("class label") and error.where.endswith(LABELS)


def test_labels_saved_as_doubles_are_the_same(layouts: Any, tmp_path: Path) -> None:
    layouts.write_cars(tmp_path)
    before = cars.source({"local_path": str(tmp_path)}, "here")
    records = [{**r, "class": np.float64(r["class"])} for r in layouts.cars_records(False)]
    layouts.write_mat(tmp_path / LABELS, records)
    assert cars.source({"local_path": str(tmp_path)}, "here") == before


@pytest.mark.parametrize("content", [b"", b"<html>", b"MATLAB 5.0 MAT-file, " + b"x" * 300])
def test_label_file_that_is_none(layouts: Any, tmp_path: Path, content: bytes) -> None:
    layouts.write_cars(tmp_path)
    (tmp_path / LABELS).write_bytes(content)
    assert refusal(tmp_path).what.startswith("not a label file of Stanford Cars")


def test_nothing_there_and_no_images(layouts: Any, tmp_path: Path) -> None:
    error = refusal(tmp_path)
    assert "cars_train, cars_test, the devkit" in error.fix and "car_ims" in error.fix
    layouts.write_cars(tmp_path)
    (tmp_path / "cars_test" / "00001.jpg").unlink()
    assert refusal(tmp_path).what == "no image cars_test/00001.jpg"
