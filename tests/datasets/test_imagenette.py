"""ImageNette: fastai's folders, and ImageNet's own split in its layouts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fd2.artifacts.prepared import PreparedDataset
from fd2.datasets._public import Published
from fd2.datasets.imagenette import DATASETS
from fd2.errors import FD2Error

Prepared = Callable[..., PreparedDataset]
IMAGENETTE = DATASETS["imagenette"]
WNIDS = list(IMAGENETTE.classes)
LABELS = [label for label in range(10) for _ in range(3)]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = Published(classes=10, train=30, test=20)
    monkeypatch.setattr(IMAGENETTE, "fastai", numbers)
    monkeypatch.setattr(IMAGENETTE, "imagenet", numbers)


@pytest.fixture
def copy(layouts: Any, tmp_path: Path) -> Path:
    layouts.write_imagenette(tmp_path / "copy", WNIDS, "imagenette")
    return tmp_path / "copy"


def test_from_a_mirror_to_arrays(
    layouts: Any, copy: Path, tmp_path: Path, downloaded: Callable[..., Path], prepared: Prepared
) -> None:
    archive = layouts.packed(copy, tmp_path / "served" / "imagenette2.tgz")
    data = prepared("imagenette", downloaded("imagenette", archive))
    assert data.manifest.classes[:2] == ("tench", "English springer")
    assert data.manifest.source["wnids"] == sorted(WNIDS) == WNIDS
    assert data.train.labels.tolist() == LABELS
    assert data.manifest.files["test"][0]["path"].startswith("val/n01440764/ILSVRC2012_val")
    local = prepared("imagenette", local_path=str(copy / "imagenette2"))
    assert local.manifest.digest() == data.manifest.digest()


def test_imagenet_with_validation_folders_and_flat(copy: Path, prepared: Prepared) -> None:
    root = copy.parent / "imagenet" / "ILSVRC" / "Data" / "CLS-LOC"
    shutil.copytree(copy / "imagenette2", root)
    # Another class, which is not of the ten.
    shutil.copytree(root / "train" / WNIDS[0], root / "train" / "n02084071")
    sorted_ = prepared("imagenette", imagenet_path=str(root))
    assert sorted_.manifest.source["version"] == "imagenette2, from ImageNet-1K"
    lines = ["ImageId,PredictionString", "ILSVRC2012_val_00099999,n02084071 1 2 3 4"]
    for path in sorted((root / "val").glob("*/*")):
        lines.append(f"{path.stem},{path.parent.name} 1 2 3 4 {path.parent.name} 5 6 7 8")
        path.rename(root / "val" / path.name)
    for folder in (root / "val").glob("n*"):
        folder.rmdir()
    with pytest.raises(FD2Error, match=r"no LOC_val_solution\.csv"):
        prepared("imagenette", imagenet_path=str(root))
    (copy.parent / "imagenet" / "LOC_val_solution.csv").write_text("\n".join(lines))
    flat = prepared("imagenette", imagenet_path=str(copy.parent / "imagenet"))
    assert flat.manifest.digest() == sorted_.manifest.digest()


def test_refusals(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusal(**settings: str) -> FD2Error:
        with pytest.raises(FD2Error) as caught:
            IMAGENETTE.source(settings, "here")
        return caught.value

    assert refusal(imagenet_path=str(copy / "no")).where == "here, 'imagenet_path'"
    both = refusal(local_path=str(copy), imagenet_path=str(copy))
    assert both.what == "local_path and imagenet_path are both set"
    monkeypatch.setattr(IMAGENETTE, "fastai", Published(10, 9469, 3925))
    error = refusal(local_path=str(copy))
    assert "30 training and 20 test images" in error.what
    assert "first version of fastai's archive" in error.fix
    shutil.rmtree(copy / "imagenette2" / "val" / WNIDS[3])
    assert refusal(local_path=str(copy)).what == f"no folder of class {WNIDS[3]}"
    shutil.rmtree(copy / "imagenette2" / "train" / WNIDS[3])
    assert f"train/{WNIDS[3]}" in refusal(local_path=str(copy)).what
