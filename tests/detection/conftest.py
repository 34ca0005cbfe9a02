"""Scenes rendered from photographs of solar cells, with boxes where the cells were put."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fd2.config.detection import ScenesSettings, TrainDetectorSettings
from fd2.config.settings import build
from fd2.runtime.job import Job
from fd2.stages.prepare_scenes import prepare_scenes

#: Numbers that do not count from 0, as COCO's.
CATEGORIES = ({"id": 3, "name": "mono"}, {"id": 7, "name": "poly"})
#: Of the image folder's classes.
SHOWN = {"mono_000": 3, "mono_100": 3, "poly_000": 7}
COUNTS = {"train": 12, "val": 5}
WIDTH, HEIGHT = 96, 80
TINY: dict[str, Any] = {
    **{"network": "fasterrcnn_mobilenet_v3_large_320_fpn", "backbone_weights": "none"},
    **{"min_size": 64, "max_size": 96, "epochs": 2, "batch_size": 5, "learning_rate": 0.01},
    **{"momentum": 0.9, "weight_decay": 1e-4, "schedule": "cosine", "warm_up_epochs": 1},
    "flip": True,
}
REAL: dict[str, Any] = {
    **{"dataset": "scenes", "method": "full", "fd2": "plain", "variant": "base", "ipc": None},
    **{"scenes": "scenes", "annotator": None, "detector": "tiny", "seed": 0, "preset": "paper"},
}


def render(folder: Path, cells: Path, counts: dict[str, int]) -> Path:
    """A folder in COCO's layout, which was rendered from a folder of cells."""
    photographs = {
        number: [
            path for name in SHOWN if SHOWN[name] == number for path in (cells / name).iterdir()
        ]
        for number in (3, 7)
    }
    for split, count in counts.items():
        draws = np.random.default_rng(len(split))
        (folder / split).mkdir(parents=True)
        images, boxes = [], []
        for number in range(count):
            scene = Image.fromarray(
                draws.integers(90, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8), "RGB"
            )
            # The left and the right half hold one cell at most.
            for half in range(1 + number % 2):
                side = int(draws.integers(26, 42))
                left = 48 * half + int(draws.integers(0, 48 - side))
                top = int(draws.integers(0, HEIGHT - side))
                category = (3, 7)[int(draws.integers(2))]
                cell = photographs[category][int(draws.integers(len(photographs[category])))]
                with Image.open(cell) as photograph:
                    scene.paste(photograph.convert("RGB").resize((side, side)), (left, top))
                boxes.append(
                    {
                        **{"id": len(boxes) + 1, "image_id": 10 + number},
                        **{"category_id": category, "bbox": [left, top, side, side]},
                        **{"area": side * side, "iscrowd": 0},
                    }
                )
            name = f"{number:03d}.png"
            scene.save(folder / split / name)
            size = {"width": WIDTH, "height": HEIGHT}
            images.append({"id": 10 + number, "file_name": name, **size})
        file = folder / "annotations" / f"instances_{split}.json"
        file.parent.mkdir(exist_ok=True)
        content = {"images": images, "annotations": boxes, "categories": CATEGORIES}
        file.write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="session")
def rendered(cell_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("rendered"), cell_images / "train", COUNTS)


@pytest.fixture(scope="session")
def scenes_settings(rendered: Path) -> Callable[..., ScenesSettings]:
    values = {"scenes": "scenes", "path": str(rendered), "train": "train", "val": "val"}
    return lambda **changes: build(ScenesSettings, {**values, **changes})


@pytest.fixture(scope="session")
def scenes(
    scenes_settings: Callable[..., ScenesSettings],
    job: Job,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder of the prepared scenes."""
    folder = tmp_path_factory.mktemp("results") / "scenes/scenes"
    files = (folder / name for name in ("train.safetensors", "val.safetensors", "record.json"))
    prepare_scenes(scenes_settings(), *files, job)
    return folder


@pytest.fixture(scope="session")
def detector_settings() -> Callable[..., TrainDetectorSettings]:
    """Of a tiny detector on real images; changes are of its training."""
    return lambda **changes: build(TrainDetectorSettings, {**REAL, "training": {**TINY, **changes}})
