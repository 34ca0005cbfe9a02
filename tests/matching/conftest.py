"""Photographs of three grades of solar cells, small, and a small network."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.config import plugins
from fd2.config.networks import NetworkInput
from fd2.networks.backbone import Backbone
from fd2.runtime.job import Job
from fd2.stages.prepare import PrepareSettings, prepare

SIZE = 16


@pytest.fixture(scope="session")
def prepared(
    cell_images: Path, job: Job, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], PreparedDataset]:
    """Three classes with 12, 12 and 5 training photographs, in so many channels."""
    root = tmp_path_factory.mktemp("small")
    shutil.copytree(cell_images, root / "images")
    for path in sorted((root / "images" / "train" / "poly_000").iterdir())[5:]:
        path.unlink()

    def make(channels: int) -> PreparedDataset:
        folder = root / f"data{channels}"
        if not folder.exists():
            options = {"path": str(root / "images")}
            settings = PrepareSettings("cells", "imagefolder", SIZE, options, channels=channels)
            prepare(settings, folder, job)
        return open_prepared(folder)

    return make


@pytest.fixture(scope="session")
def whitened(prepared: Callable[[int], PreparedDataset], job: Job) -> Callable[..., Path]:
    """Folders of the same photographs in RGB, whitened with an epsilon."""
    images = prepared(3).train.file.parents[1] / "images"
    settings = PrepareSettings("cells", "imagefolder", SIZE, {"path": str(images)})

    def make(folder: Path, epsilon: float) -> Path:
        prepare(replace(settings, zca={"epsilon": epsilon}), folder, job)
        return folder

    return make


@pytest.fixture(scope="session")
def dataset(prepared: Callable[[int], PreparedDataset]) -> PreparedDataset:
    return prepared(3)


@pytest.fixture(scope="session")
def network() -> Backbone:
    """ConvNet of two blocks in float64."""
    seen = NetworkInput(3, SIZE)
    return plugins.load("backbones", "convnet").build(3, "scratch", seed=0, images=seen).double()
