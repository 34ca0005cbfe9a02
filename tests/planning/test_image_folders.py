"""How many images a user's folder has to train on before it is prepared."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from fd2.config.checks import checked_configuration
from fd2.config.layers import merge, read_yaml
from fd2.errors import FD2Error
from fd2.planning.image_folders import training_counts

CONFIG = Path(__file__).resolve().parents[2] / "config"
WHERE = "setting 'datasets.mine', config/mine.yaml, line 3"


def counts(dataset: str = "mine", *, prepared: bool = False, **entry: Any) -> dict[str, int] | None:
    values = merge(read_yaml(CONFIG / "config.yaml"), {"datasets": {dataset: entry}})
    settings = checked_configuration(values, "", CONFIG).prepare(dataset)
    return training_counts(settings, WHERE, prepared)


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


def test_what_cannot_be_prepared_is_refused(cell_images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    entry = {"kind": "imagefolder", "path": str(folder), "resolution": 24}
    with pytest.raises(FD2Error, match="no such folder") as refused:
        counts(**entry)
    assert refused.value.where == WHERE
    assert counts(**entry, prepared=True) is None
    shutil.copytree(cell_images, folder)
    with pytest.raises(FD2Error, match="no regular expression"):
        counts(**entry, group_by="(", prepared=True)
    first = next((folder / "train").iterdir())
    for image in list(first.iterdir())[1:]:
        image.unlink()
    with pytest.raises(FD2Error, match="fewer than 2 training images"):
        counts(**entry)
    assert counts("typefaces") is None
