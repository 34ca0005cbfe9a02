"""ImageWoof: the order of its classes, and its own archive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fd2.artifacts.prepared import PreparedDataset
from fd2.datasets import imagenette
from fd2.datasets._public import Published

#: Labels 0 to 9 of code that follows MTT.
MTT = (
    *("n02096294", "n02093754", "n02111889", "n02088364", "n02086240"),
    *("n02089973", "n02087394", "n02115641", "n02099601", "n02105641"),
)


def test_from_a_mirror_to_arrays(
    layouts: Any,
    tmp_path: Path,
    downloaded: Callable[..., Path],
    prepared: Callable[..., PreparedDataset],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = Published(classes=10, train=30, test=20)
    monkeypatch.setattr(imagenette.DATASETS["imagewoof"], "fastai", numbers)
    layouts.write_imagenette(tmp_path / "copy", reversed(MTT), "imagewoof")
    archive = layouts.packed(tmp_path / "copy", tmp_path / "served" / "imagewoof2.tgz")
    data = prepared("imagewoof", downloaded("imagewoof", archive))
    assert data.manifest.source["wnids"] == sorted(MTT)
    assert data.manifest.classes[0] == "Shih-Tzu" and data.manifest.classes[-1] == "dingo"
    assert data.train.labels.tolist() == [label for label in range(10) for _ in range(3)]
    for entry in data.manifest.files["test"]:
        assert entry["path"].split("/")[1] == sorted(MTT)[entry["class"]]


def test_the_documented_order_of_others() -> None:
    positions = [sorted(MTT).index(wnid) for wnid in MTT]
    assert ", ".join(map(str, positions)) in " ".join((imagenette.__doc__ or "").split())
