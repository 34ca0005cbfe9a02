"""Tiny distilled sets, curves and manifests with known content."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from fd2.artifacts.images import write_distilled
from fd2.artifacts.manifests import Manifest
from fd2.artifacts.prepared import write_prepared
from fd2.artifacts.records import write_record
from fd2.artifacts.tensors import write_tensors

CLASSES = ("ant", "bee", "cat")
ROWS = [
    {"method": "random", "fd2": "plain", "variant": "base"},
    {"method": "sre2lpp", "fd2": "fd2", "variant": "base"},
]


@pytest.fixture
def rows() -> list[dict[str, str]]:
    """Two methods."""
    return [dict(row) for row in ROWS]


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Three classes of one 32-pixel image each, written below ``data/d``."""
    files = [
        {"path": f"{name}.png", "class": position, "sha256": "0"}
        for position, name in enumerate(CLASSES)
    ]
    statistics = ((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    made = Manifest("d", 32, CLASSES, {"train": files, "test": files}, *statistics, {})
    images = torch.zeros(3, 32, 32, 3, dtype=torch.uint8).numpy()
    return write_prepared(tmp_path / "data" / "d", made, {"train": images, "test": images})


@pytest.fixture
def make_set(tmp_path: Path, manifest: Manifest) -> Callable[..., Path]:
    """Write a distilled set; slot k of class c is uniformly ``base + 10 * c + k``."""

    def make(path: str, ipc: int, base: int = 0, digest: str | None = None) -> Path:
        levels = base + 10 * torch.arange(3)[None, :] + torch.arange(ipc)[:, None]
        images = levels.to(torch.uint8)[:, :, None, None, None].expand(-1, -1, 3, 32, 32)
        target = tmp_path / path
        metadata = {"manifest": digest or manifest.digest()}
        write_distilled(target, images.contiguous(), metadata)
        return target

    return make


@pytest.fixture
def save_record() -> Callable[..., Path]:
    """Write what a stage leaves beside its artefact; ``run`` is laid over a usual one."""

    def save(path: Path, run: Mapping[str, Any] | None = None, **content: Any) -> Path:
        usual = {
            **{"commit": "c", "dirty": False, "versions": {}, "host": "Linux", "threads": 1},
            **{"device": "cpu", "device_name": "abacus", "started": "", "finished": ""},
            **{"seconds": 1.0, "peak_memory_mb": {"resident": 1.0}},
        }
        facts = {"format": 2, "stage": "s", "settings": {}, "manifest": "m", "inputs": {}}
        write_record(path, {**facts, **content, "run": {**usual, **(run or {})}})
        return path

    return save


@pytest.fixture
def make_cell(tmp_path: Path, save_record: Callable[..., Path]) -> Callable[..., Path]:
    """Write a cell with a curve of (epoch, top1, balanced_top1)."""

    def make(path: str, points: Sequence[tuple[int, float, float]]) -> Path:
        names = ("epoch", "top1", "balanced_top1")
        curve = [{**dict(zip(names, point, strict=True)), "loss": 1.0} for point in points]
        return save_record(tmp_path / path, result={"curve": curve})

    return make


@pytest.fixture
def locate(tmp_path: Path) -> Callable[..., dict[str, list[Path]]]:
    """From a plug-in's inputs to paths, as the rule hands them over."""

    def where(inputs: Mapping[str, Any]) -> dict[str, list[Path]]:
        return {name: [tmp_path / path for path in paths] for name, paths in inputs.items()}

    return where


@pytest.fixture
def make_diagnosis(tmp_path: Path, manifest: Manifest) -> Callable[..., Path]:
    """Write a diagnosis of the three classes from features, labels, and distances of centres."""

    def make(
        path: str,
        features: torch.Tensor,
        labels: Sequence[int],
        distances: Sequence[float] = (0.1, 0.2, 0.3),
        nearest: Sequence[int] = (1, 2, 1),
        digest: str | None = None,
    ) -> Path:
        target = tmp_path / path
        tensors = {
            "features": features,
            "labels": torch.tensor(labels),
            "ids": 100 + torch.arange(len(labels)),
            "nearest_distances": torch.tensor(distances, dtype=torch.float64),
            "nearest_classes": torch.tensor(nearest),
        }
        write_tensors(target, tensors, {"manifest": digest or manifest.digest()})
        return target

    return make
