"""How many images a dataset will have before it is prepared."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from fd2.config.checks import checked_configuration
from fd2.config.layers import merge, read_yaml
from fd2.planning.datasets import DatasetSize, planned_size
from fd2.planning.project import Project
from fd2.runtime.job import Job
from fd2.stages.prepare import PrepareSettings, prepare

CONFIG = Path(__file__).resolve().parents[2] / "config"


def size(folder: Path, dataset: str, **entry: Any) -> DatasetSize:
    values = merge(read_yaml(CONFIG / "config.yaml"), {"datasets": {dataset: entry}})
    found = planned_size(Project(folder, (), checked_configuration(values, "", CONFIG)), dataset)
    assert found is not None
    return found


def test_held_out_images_take_the_place_of_the_test_images(tmp_path: Path) -> None:
    whole = size(tmp_path, "typefaces")
    assert (whole.train, whole.test) == (21 * 240, 21 * 120)
    held = size(tmp_path, "typefaces", tested_on="held_out", held_out_fraction=0.1)
    assert (held.train, held.test) == (21 * 216, 21 * 24)


def test_before_a_download_the_published_numbers_count(tmp_path: Path) -> None:
    whole = size(tmp_path, "cub200")
    assert (whole.train, whole.test) == (5994, 5794)
    held = size(tmp_path, "cub200", tested_on="held_out", held_out_fraction=0.5)
    assert (held.train + held.test, held.classes) == (5994, 200)
    assert all(count in (14, 15) for count in held.train_per_class)


def test_grey_data_count_one_byte_a_pixel_unless_the_entry_says_otherwise(tmp_path: Path) -> None:
    of_kind = {
        kind: size(tmp_path, "x", kind=kind, resolution=28, mirrors=["https://example.org"])
        for kind in ("mnist", "fashion_mnist", "cifar100", "tiny_imagenet")
    }
    shapes = {kind: found.shape for kind, found in of_kind.items()}
    assert shapes == {kind: (1 if "mnist" in kind else 3, 28, 28) for kind in of_kind}
    assert [found.train for found in of_kind.values()] == [60_000, 60_000, 50_000, 100_000]
    repeated = size(tmp_path, "x", kind="mnist", resolution=28, channels=3)
    assert (of_kind["mnist"].image_bytes, repeated.image_bytes) == (28 * 28, 3 * 28 * 28)


def test_images_added_to_a_prepared_folder_count(
    tmp_path: Path, cell_images: Path, job: Job
) -> None:
    folder = shutil.copytree(cell_images, tmp_path / "photos")
    entry = {"kind": "imagefolder", "path": str(folder), "resolution": 24}
    settings = PrepareSettings("mine", "imagefolder", 24, {"path": str(folder)})
    prepare(settings, tmp_path / "results" / "data" / "mine", job)
    before = size(tmp_path, "mine", **entry)
    assert before.manifest is not None
    image = next((folder / "train").rglob("*.png"))
    image.with_name("added.png").write_bytes(image.read_bytes())
    after = size(tmp_path, "mine", **entry)
    assert (after.train, after.manifest) == (before.train + 1, None)
