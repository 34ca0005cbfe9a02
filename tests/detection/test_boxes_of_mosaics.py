"""A coloured object in each real image: where it lies in mosaics, and in what detectors learn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import pretrain_settings, select_settings
from tests.detection.conftest import TINY
from tests.detection.test_annotate import OWN as ANNOTATOR
from tests.stages.test_focusdd import GRID, OWN, SHAPE, SIDE
from torch import Tensor, nn

from fd2.artifacts.images import DistilledSet, read_distilled
from fd2.artifacts.manifests import read_manifest
from fd2.artifacts.records import read_json
from fd2.config.detection import AnnotateSettings, DetectorSettings
from fd2.config.settings import build
from fd2.detection.coco_layout import parse_coco
from fd2.detection.detector_training import DetectorTraining, mirrored
from fd2.detection.pictures import PicturesOfSet
from fd2.runtime.job import Job
from fd2.stages import annotate as stage
from fd2.stages.annotate import annotate
from fd2.stages.prepare import PrepareSettings, prepare
from fd2.stages.pretrain import pretrain
from fd2.stages.select_images import select_images

PIXELS, IMAGES = 96, 2
CELL, PATCH = PIXELS // 2, PIXELS // GRID
#: One for each real image of a class: far from each other, and from grey.
COLOURS = [
    *((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255)),
    *((255, 128, 0), (128, 255, 0), (0, 255, 128), (0, 128, 255), (128, 0, 255), (255, 0, 128)),
]
CLASSES = ("left_out", "shown")


class Finder(nn.Module):
    """Boxes of what has one of the colours, as torchvision's detectors tell them."""

    def forward(self, pictures: list[Tensor]) -> list[dict[str, Tensor]]:
        return [self._found(picture) for picture in pictures]

    def _found(self, picture: Tensor) -> dict[str, Tensor]:
        boxes, labels = [], []
        for number, colour in enumerate(COLOURS):
            wanted = torch.tensor(colour)[:, None, None] / 255
            rows, columns = ((picture - wanted).abs().amax(0) < 0.2).nonzero().unbind(1)
            if len(rows):
                low, high = torch.stack([columns, rows], 1).aminmax(dim=0)
                boxes.append(torch.cat([low, high + 1]).float())
                labels.append(number + 1)
        found = torch.stack(boxes) if boxes else torch.zeros(0, 4)
        return {"boxes": found, "labels": torch.tensor(labels), "scores": torch.ones(len(found))}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[int]]]:
    """An image folder of grey noise, and the corners of the one object by an image's file."""
    root, corners = tmp_path_factory.mktemp("planted"), {}
    draws = np.random.default_rng(0)
    for split, name in ((split, name) for split in ("train", "test") for name in CLASSES):
        (root / split / name).mkdir(parents=True)
        for number, colour in enumerate(COLOURS if split == "train" else COLOURS[:2]):
            grey = draws.integers(95, 115, (PIXELS, PIXELS, 1), dtype=np.uint8)
            pixels = grey.repeat(3, 2)
            # Wider than what a window leaves out on either side, so that some of it is in all.
            width, height = draws.integers(34, 46, 2).tolist()
            left = int(draws.integers(0, PIXELS - width + 1))
            top = int(draws.integers(0, PIXELS - height + 1))
            pixels[top : top + height, left : left + width] = colour
            file = f"{name}/{number:02d}.png"
            Image.fromarray(pixels).save(root / split / file)
            if split == "train":
                corners[file] = [left, top, left + width, top + height]
    return root, corners


@pytest.fixture(scope="module")
def mosaics(
    planted: tuple[Path, dict[str, list[int]]], job: Job, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with the prepared data and FocusDD's set."""
    made = tmp_path_factory.mktemp("mosaics")
    options = {"path": str(planted[0])}
    prepare(PrepareSettings("cells", "imagefolder", PIXELS, options), made / "data", job)
    teacher = made / "plain.safetensors"
    settings = pretrain_settings("plain", backbone="test_vit", transformer=SHAPE)
    pretrain(settings, made / "data", teacher, made / "plain.json", job)
    settings = select_settings("focusdd", IMAGES, **OWN)
    outputs = made / "set.safetensors", made / "set.json"
    select_images(settings, made / "data", None, [teacher], *outputs, job)
    return made


@pytest.fixture(scope="module")
def annotations(
    mosaics: Path, scenes: Path, job: Job, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The boxes that the finder sees in mosaics of one of the two classes."""
    mapped = mosaics / "map.csv"
    mapped.write_text("class,category\nshown,mono\n")
    changes: dict[str, Any] = {"method": "focusdd", "detector": None, "training": None}
    changes |= {"network": "fcos_resnet50_fpn", "class_map": {"shown": "mono"}}
    settings = build(AnnotateSettings, {**ANNOTATOR, **changes})
    output = mosaics / "boxes.json"
    names = ("__background__", *(("mono", "poly")[number % 2] for number in range(len(COLOURS))))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stage, "coco_detector", lambda network, file: (Finder(), names))
        annotate(
            settings,
            mosaics / "data/manifest.json",
            mosaics / "set.safetensors",
            scenes / "val.safetensors",
            None,
            mapped,
            output,
            job,
        )
    content: dict[str, Any] = json.loads(output.read_text())
    return content


def expected(
    mosaics: Path, corners: dict[str, list[int]], number: int, label: int
) -> Iterator[tuple[list[float], int, bool]]:
    """Of each cell of a class's image the object's box in pixels of the mosaic, its category, and
    whether the window cuts it."""
    chosen = read_json(mosaics / "set.json")["chosen"]
    files = [one["path"] for one in read_manifest(mosaics / "data/manifest.json").files["train"]]
    for cell in range(4):
        source = chosen["images"][number][cell][label]
        top, left = chosen["windows"][number][cell][label]
        origin, side = (left * PATCH, top * PATCH), SIDE * PATCH
        if top < 0:
            origin, side = (0, 0), PIXELS
        corner = (cell % 2 * CELL, cell // 2 * CELL)
        (file,) = [one for one in corners if files[source].endswith(one)]
        whole = [corners[file][k] - origin[k % 2] for k in range(4)]
        inside = [min(max(value, 0), side) for value in whole]
        box = [corner[k % 2] + inside[k] * CELL / side for k in range(4)]
        position = int(file[-6:-4])
        yield box, (3, 7)[position % 2], inside != whole


def test_boxes_lie_where_crop_and_cell_put_the_objects(
    mosaics: Path,
    planted: tuple[Path, dict[str, list[int]]],
    annotations: dict[str, Any],
) -> None:
    assert [image["id"] for image in annotations["images"]] == [IMAGES, IMAGES + 1]
    cuts = []
    for number in range(IMAGES):
        boxes = [one for one in annotations["annotations"] if one["image_id"] == IMAGES + number]
        assert len(boxes) == 4
        for wanted, category, cut in expected(mosaics, planted[1], number, label=1):
            cuts.append(cut)
            # The one whose middle is in the cell.
            middle = [(wanted[k] + wanted[k + 2]) / 2 // CELL for k in range(2)]
            (found,) = [
                one
                for one in boxes
                if [(one["bbox"][k] + one["bbox"][k + 2] / 2) // CELL for k in range(2)] == middle
            ]
            left, top, width, height = found["bbox"]
            # A pixel at an edge is of both colours.
            assert [left, top, left + width, top + height] == pytest.approx(wanted, abs=1)
            assert found["category_id"] == category
    assert 0 < sum(cuts) < len(cuts)


def test_detectors_learn_these_boxes_also_mirrored(
    mosaics: Path, annotations: dict[str, Any], job: Job
) -> None:
    found: DistilledSet = read_distilled(mosaics / "set.safetensors")
    listed = parse_coco(annotations, "boxes.json")
    pictures = found.pictures()[[image["id"] for image in annotations["images"]]]
    settings = build(DetectorSettings, {**TINY, "epochs": 6, "batch_size": 2})
    training = DetectorTraining(
        settings, ["t"], nn.Linear(1, 1), listed, PicturesOfSet(pictures), job.device
    )
    told = listed.learned()[1]
    turned = 0
    for images, targets in training._batches(0):
        for image, target in zip(images, targets, strict=True):
            (seen,) = Finder()([image])
            # In the order of the colours, as they were annotated.
            assert torch.equal(target["boxes"], seen["boxes"])
            assert torch.equal(target["labels"], (seen["labels"] - 1) % 2 + 1)
            (row,) = [
                row
                for row, picture in enumerate(pictures)
                if any(torch.equal(one / 255, image) for one in (picture, picture.flip(-1)))
            ]
            boxes = told[row]
            if not torch.equal(pictures[row] / 255, image):
                boxes, turned = mirrored(image, boxes)[1], turned + 1
            assert torch.equal(target["boxes"], boxes)
    assert 0 < turned < 12
