"""Tiny ImageNet in its true layout: from a mirror, from a copy, and damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fd2.artifacts.prepared import PreparedDataset
from fd2.datasets import tiny_imagenet
from fd2.datasets._public import Published
from fd2.errors import FD2Error

Prepared = Callable[..., PreparedDataset]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_imagenet, "PUBLISHED", Published(classes=4, train=12, test=8))


@pytest.fixture
def archive(layouts: Any, tmp_path: Path) -> Path:
    path: Path = layouts.write_tiny_imagenet(tmp_path / "copy")
    return path


def test_from_a_mirror_to_arrays(
    layouts: Any, archive: Path, downloaded: Callable[..., Path], prepared: Prepared
) -> None:
    data = prepared("tiny_imagenet", downloaded("tiny_imagenet", archive))
    # In the order of the ids, which is not the list's; the two cranes keep all their names.
    assert data.manifest.source["wnids"] == sorted(layouts.TINY_WNIDS)
    names = ("goldfish", "crane", "Egyptian cat", "crane, lifting device")
    assert data.manifest.classes == names
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert data.test.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    of_cat = [entry["path"] for entry in data.manifest.files["test"] if entry["class"] == 2]
    assert of_cat == ["val/images/val_0.JPEG", "val/images/val_4.JPEG"]
    assert not any("test/" in entry["path"] for entry in data.manifest.files["test"])
    local = prepared("tiny_imagenet", local_path=str(archive.parent))
    assert local.manifest.digest() == data.manifest.digest()


@pytest.mark.parametrize(
    ("file", "before", "after", "message"),
    [
        ("val/val_annotations.txt", "n01443537", "n09999999", "no class for 2 image(s)"),
        ("val/val_annotations.txt", "val_3.JPEG\t", "val_3.JPEG ", "no class for 1 image(s)"),
        ("val/val_annotations.txt", "val_3.JPEG", "val_2.JPEG", "an image stands twice"),
        ("words.txt", "n01443537", "n0144353", "no name for 1 class(es), first n01443537"),
        ("wnids.txt", "n01443537\n", "", "no class for 2 image(s)"),
        ("wnids.txt", "n01443537", "n01443538", "no name for 1 class(es), first n01443538"),
    ],
)
def test_damaged_lists(archive: Path, file: str, before: str, after: str, message: str) -> None:
    path = archive.parent / "tiny-imagenet-200" / file
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(FD2Error) as caught:
        tiny_imagenet.source({"local_path": str(archive.parent)}, "here")
    assert message in caught.value.what


def test_a_missing_class_and_a_missing_image(archive: Path, prepared: Prepared) -> None:
    inside = archive.parent / "tiny-imagenet-200"
    (inside / "val" / "images" / "val_6.JPEG").unlink()
    with pytest.raises(FD2Error, match=r"1 image\(s\) not there"):
        prepared("tiny_imagenet", local_path=str(inside))
    (inside / "train" / "n02012849").rename(inside / "train" / "n02012850")
    with pytest.raises(FD2Error, match="no folder of class n02012849"):
        prepared("tiny_imagenet", local_path=str(inside))
    (inside / "words.txt").unlink()
    with pytest.raises(FD2Error, match="no folder with"):
        prepared("tiny_imagenet", local_path=str(inside))
