"""Distilled sets as the stages write them, for what is exported of them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fd2.artifacts.files import file_digest
from fd2.artifacts.images import write_distilled, write_slots
from fd2.artifacts.manifests import Manifest
from fd2.artifacts.prepared import write_prepared
from fd2.config.names import SetName
from fd2.stages.export import Sources, export, top_folder

TEMPLATES = Path(__file__).resolve().parents[2] / "workflow/report/export"
SIZE = 8
PLAIN = ("crow", "wren")
RUN = {
    **{"commit": None, "dirty": None, "versions": {}, "host": "Linux", "device": "cpu"},
    **{"device_name": "abacus", "threads": 1, "started": "", "finished": "", "seconds": 1.0},
    "peak_memory_mb": {"resident": 1.0},
}
LICENCE = {"licence": "CC BY-NC-SA 4.0", "attribution": "A. Photographer"}
NAME, IPC = SetName("birds", "random", "plain", "base"), 3


class Sets:
    """Writes a manifest, a distilled set and groups, as the stages do."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def manifest(self, classes: tuple[str, ...] = PLAIN, channels: int = 3, **source: Any) -> Path:
        """Prepared data with one image a class and split."""
        files = [{"path": f"{c}.png", "class": c, "sha256": "0"} for c in range(len(classes))]
        described = Manifest(
            dataset="birds",
            resolution=SIZE,
            classes=classes,
            files={"train": files, "test": files},
            mean=(0.5, 0.25, 0.125)[:channels],
            std=(0.25, 0.25, 0.25)[:channels],
            source=source,
        )
        shape = (len(classes), SIZE, SIZE, channels)
        pixels = np.random.default_rng(6).integers(256, size=shape, dtype=np.uint8)
        images = {"train": pixels, "test": pixels}
        written = write_prepared(self.root / "data", described, images)
        self.digest, self.classes = written.digest(), len(classes)
        self.real, self.channels = pixels, channels
        return self.root / "data" / "manifest.json"

    def images(self, count: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(5)
        shape = (count, self.classes, self.channels, SIZE, SIZE)
        return torch.randint(256, shape, generator=generator).to(torch.uint8)

    def selected(self, count: int = 3, **changes: Any) -> Path:
        facts = {
            "stage": "select_images",
            "settings": {"method": "random", "seed": 7},
            "manifest": self.digest,
            "inputs": {},
        }
        path = self.root / "ipc.safetensors"
        write_distilled(path, self.images(count), facts | changes)
        return path

    def assembled(self, count: int = 3) -> tuple[Path, list[Path]]:
        """A set from two groups of two slots."""
        images, groups, patches = self.images(4), [], self.root / "patches.safetensors"
        # As far from their start as from each other, but for one class.
        crops = 255 - images
        crops[:, 1] = images[:, 1] ^ 3
        write_slots(patches, crops, (0, 1, 2, 3), {"manifest": self.digest})
        for number in range(2):
            slots = (2 * number, 2 * number + 1)
            facts = {
                "stage": "distill",
                "settings": {"slots": slots, "learning_rate": 0.125},
                **{"manifest": self.digest, "inputs": {"patches": file_digest(patches)}},
            }
            groups.append(self.root / f"group{number}.safetensors")
            write_slots(groups[-1], images[2 * number : 2 * number + 2], slots, facts)
        digests = {f"group{i}": file_digest(path) for i, path in enumerate(groups)}
        path = self.selected(count, stage="assemble", settings={}, inputs=digests)
        return path, groups


@pytest.fixture
def sets(tmp_path: Path) -> Sets:
    return Sets(tmp_path)


@pytest.fixture
def unzipped(sets: Sets, tmp_path: Path) -> Callable[..., Path]:
    def make(
        distilled: Path, manifest: Path, groups: list[Path] | None = None, **names: Any
    ) -> Path:
        output, name = tmp_path / "out.zip", replace(NAME, **names)
        export(name, IPC, Sources(distilled, manifest, TEMPLATES, groups or []), output)
        with zipfile.ZipFile(output) as archive:
            assert archive.testzip() is None
            archive.extractall(tmp_path / "out")
        (top,) = (tmp_path / "out").iterdir()
        assert top.name == top_folder(name, IPC)
        return top

    return make
