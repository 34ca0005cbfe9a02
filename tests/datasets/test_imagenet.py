"""ImageNet-1K by WordNet ids: all classes of a copy, or those of a class map."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fd2.artifacts.prepared import PreparedDataset
from fd2.datasets import imagenet
from fd2.errors import FD2Error
from fd2.networks.classifier_rows import imagenet_numbers

Prepared = Callable[..., PreparedDataset]
WNIDS = ("n02123045", "n01440764", "n07753592")


@pytest.fixture
def copy(layouts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three training and two validation images of each of three classes."""
    monkeypatch.setattr(imagenet, "VAL_PER_CLASS", 2)
    layouts.write_imagenette(tmp_path / "copy", WNIDS, "imagenet")
    return tmp_path / "copy"


def test_all_classes_in_the_order_of_their_ids(copy: Path, prepared: Prepared) -> None:
    found = prepared("imagenet", imagenet_path=str(copy))
    assert found.manifest.classes == tuple(sorted(WNIDS))
    assert found.train.labels.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    # By them a classifier of all ImageNet is cut to these classes; its numbers, with cat the third.
    assert imagenet_numbers(found.manifest) == [0, 281, 954]
    for entry in found.manifest.files["test"]:
        assert entry["path"].split("/")[1] == found.manifest.classes[entry["class"]]


def test_the_classes_of_a_class_map(copy: Path, prepared: Prepared, tmp_path: Path) -> None:
    mapped = tmp_path / "map.csv"
    mapped.write_text("class,category\nn07753592,banana\nn02123045,cat\n")
    found = prepared("imagenet", imagenet_path=str(copy), class_map=str(mapped))
    assert found.manifest.classes == ("n02123045", "n07753592")
    mapped.write_text("class,category\nn07753592,banana\nn02123046,cat\n")
    with pytest.raises(FD2Error, match=r"no folder of 1 class\(es\): n02123046"):
        imagenet.source({"imagenet_path": str(copy), "class_map": str(mapped)}, "here")


def test_an_incomplete_copy_and_none_are_refused(copy: Path) -> None:
    with pytest.raises(FD2Error, match=r"no copy of ImageNet-1K"):
        imagenet.source({}, "here")
    next(copy.glob("imagenet2/val/n01440764/*")).unlink()
    with pytest.raises(FD2Error, match="3 classes, 9 training and 6 test images"):
        imagenet.source({"imagenet_path": str(copy)}, "here")
