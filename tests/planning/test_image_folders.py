"""How many images a user's folder has to train on before it is prepared."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from fd2.config.checks import checked_configuration
from fd2.config.layers import merge, read_yaml
from fd2.planning.image_folders import training_counts

CONFIG = Path(__file__).resolve().parents[2] / "config"


def counts(dataset: str = "mine", **entry: Any) -> dict[str, int] | None:
    values = merge(read_yaml(CONFIG / "config.yaml"), {"datasets": {dataset: entry}})
    return training_counts(checked_configuration(values, "", CONFIG).prepare(dataset))


def test_training_images_are_counted_class_by_class(cell_images: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(cell_images, tmp_path / "photos")
    classes = sorted(path.name for path in (folder / "train").iterdir())
    first = folder / "train" / classes[0]
    next(first.iterdir()).unlink()
    expected = {name: len(list((folder / "train" / name).iterdir())) for name in classes}
    assert len(set(expected.values())) > 1
    entry = {"kind": "imagefolder", "path": str(folder), "resolution": 24}
    assert counts(**entry) == expected
    held = counts(**entry, tested_on="held_out", held_out_fraction=0.5)
    assert held == {name: count // 2 for name, count in expected.items()}


def test_what_cannot_be_listed_is_left_to_the_stage(tmp_path: Path) -> None:
    entry = {"kind": "imagefolder", "path": str(tmp_path / "photos"), "resolution": 24}
    assert counts(**entry) is None
    (tmp_path / "photos" / "train").mkdir(parents=True)
    assert counts(**entry) is None
    assert counts("typefaces") is None
