"""Detectors from scratch: what they see, how their rate goes, and how they go on after a stop."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.detection.conftest import TINY

from fd2.config.detection import DetectorSettings, TrainDetectorSettings
from fd2.config.settings import build
from fd2.detection.average_precision import average_precision
from fd2.detection.detector_training import DetectorTraining, learning_rate_at, mirrored
from fd2.detection.finding import detections
from fd2.detection.networks import fresh_detector, seen_by
from fd2.detection.pictures import PicturesInFiles
from fd2.detection.scenes import read_split
from fd2.errors import FD2Error
from fd2.runtime.interruption import StoppedError
from fd2.runtime.job import Job, StateSettings
from fd2.stages.train_detector import train_detector_real

Settings = Callable[..., TrainDetectorSettings]


def own(**changes: Any) -> DetectorSettings:
    return build(DetectorSettings, {**TINY, **changes})


def trained(
    settings: TrainDetectorSettings, scenes: Path, folder: Path, job: Job
) -> tuple[Path, dict[str, Any]]:
    weights = folder / "results/detectors/scenes/full/tiny/seed0.safetensors"
    record = weights.with_suffix(".json")
    splits = scenes / "train.safetensors", scenes / "val.safetensors"
    train_detector_real(settings, *splits, weights, record, job)
    return weights, json.loads(record.read_text())


@pytest.fixture(scope="module")
def detector(
    detector_settings: Settings, scenes: Path, job: Job, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    return trained(detector_settings(), scenes, tmp_path_factory.mktemp("detector"), job)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_the_rate_grows_in_the_warm_up_and_then_follows_its_schedule(schedule: str) -> None:
    settings = own(epochs=5, warm_up_epochs=1.5, learning_rate=0.4, schedule=schedule)
    rates = [learning_rate_at(settings, step, 4) for step in range(20)]
    assert rates[:6] == pytest.approx([0.4 * (step + 1) / 6 for step in range(6)])
    assert rates[6] == pytest.approx(0.4) and all(rate > 0 for rate in rates)
    middle = {"cosine": 0.2, "linear": 0.2, "constant": 0.4}[schedule]
    assert rates[13] == pytest.approx(middle)
    assert rates[6:] == sorted(rates[6:], reverse=True)
    whole = own(epochs=2, warm_up_epochs=0, learning_rate=0.4, schedule=schedule)
    assert learning_rate_at(whole, 0, 4) == pytest.approx(0.4)


def test_a_mirrored_box_holds_the_mirrored_object() -> None:
    picture = torch.zeros(3, 20, 30, dtype=torch.uint8)
    picture[:, 5:9, 3:14] = 200
    seen, boxes = mirrored(picture, torch.tensor([[3.0, 5, 14, 9]]))
    assert boxes.tolist() == [[16, 5, 27, 9]]
    assert bool((seen[:, 5:9, 16:27] == 200).all()) and int(seen.sum()) == int(picture.sum())


def test_targets_of_every_epoch_hold_the_objects(scenes: Path, rendered: Path, job: Job) -> None:
    """Whatever is mirrored and in whatever order: the box's pixels are those of the object."""
    split = read_split(scenes / "train.safetensors")
    content = json.loads((rendered / "annotations/instances_train.json").read_text())
    pictures = PicturesInFiles(split.folder, split.annotated.names, 2)
    settings = own(epochs=3)
    network = fresh_detector(settings, 2, 0)
    training = DetectorTraining(settings, ["t"], network, split.annotated, pictures, job.device)
    numbers = {image["file_name"]: image["id"] for image in content["images"]}
    objects = []
    for name, number in numbers.items():
        with Image.open(rendered / "train" / name) as picture:
            for box in (one for one in content["annotations"] if one["image_id"] == number):
                left, top, width, height = box["bbox"]
                cut = picture.convert("L").crop((left, top, left + width, top + height))
                objects.append((box["category_id"], int(np.asarray(cut).sum()) // 1000))
    seen: list[tuple[int, int]] = []
    flips = []
    for images, targets in training._batches(0):
        for image, target in zip(images, targets, strict=True):
            assert 0 < float(image.max()) <= 1
            for (left, top, right, bottom), label in zip(
                target["boxes"].int().tolist(), target["labels"].tolist(), strict=True
            ):
                cut = image[:, top:bottom, left:right].permute(1, 2, 0).mul(255).byte().numpy()
                grey = Image.fromarray(cut).convert("L")
                seen.append(({1: 3, 2: 7}[label], int(np.asarray(grey).sum()) // 1000))
                flips.append((left, right))
    assert sorted(seen) == sorted(objects * 3)
    assert len(set(flips)) > len(objects)
    # From a step in the middle on, the rest is the same.
    whole, rest = (list(training._batches(start)) for start in (0, 4))
    for (a, _), (b, _) in zip(whole[4:], rest, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_the_record(detector: tuple[Path, dict[str, Any]], scenes: Path) -> None:
    weights, record = detector
    result = record["result"]
    assert record["detection"]["method"] == "full" and record["detection"]["ipc"] is None
    assert record["manifest"] == read_split(scenes / "val.safetensors").manifest
    assert (result["images"], result["tested_images"]) == (12, 5) and result["boxes"] == 18
    assert len(result["losses"]) == 2 and 0 <= result["map"] <= result["map50"] <= 100
    assert [one["name"] for one in result["categories"]] == ["mono", "poly"]
    assert sum(one["boxes"] for one in result["categories"]) == 7
    assert weights.is_file()


def test_a_stopped_training_ends_in_the_same_bytes(
    detector: tuple[Path, dict[str, Any]],
    detector_settings: Settings,
    scenes: Path,
    job: Job,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    apart = replace(job, state=StateSettings(tmp_path / "state", 300))
    steps, step = [0], torch.optim.SGD.step

    def counted(self: torch.optim.SGD, *arguments: Any) -> Any:
        steps[0] += 1
        if steps[0] == 4:
            signal.raise_signal(signal.SIGTERM)
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.SGD, "step", counted)
    with pytest.raises(StoppedError):
        trained(detector_settings(), scenes, tmp_path, apart)
    assert not (tmp_path / "results").exists()
    weights, record = trained(detector_settings(), scenes, tmp_path, apart)
    # Three batches an epoch, and two epochs: nothing was done twice.
    assert steps[0] == 6
    assert weights.read_bytes() == detector[0].read_bytes()
    assert record["result"] == detector[1]["result"]
    assert not list((tmp_path / "state").iterdir())


def test_another_seed_starts_elsewhere(
    detector: tuple[Path, dict[str, Any]],
    detector_settings: Settings,
    scenes: Path,
    job: Job,
    tmp_path: Path,
) -> None:
    other = replace(detector_settings(epochs=1), seed=1)
    _, record = trained(other, scenes, tmp_path, job)
    assert record["result"]["losses"][0] != detector[1]["result"]["losses"][0]


def test_boxes_are_in_pixels_of_the_image_whatever_the_detector_sees() -> None:
    network = fresh_detector(own(), 2, 0)
    for height, width in ((48, 96), (200, 31)):
        picture = torch.randint(256, (3, height, width), dtype=torch.uint8)
        (found,) = seen_by(network, [picture], torch.device("cpu"))
        boxes = found["boxes"]
        assert len(boxes) and float(boxes.min()) >= 0
        assert float(boxes[:, 2].max()) <= width and float(boxes[:, 3].max()) <= height
        # The larger side would be cut off if they were in those of the detector.
        assert float(boxes[:, 2:].max()) > 0.8 * max(height, width)


def test_nothing_to_learn_is_refused(scenes: Path, job: Job) -> None:
    split = read_split(scenes / "val.safetensors")
    crowds = replace(split.annotated, crowd=torch.ones_like(split.annotated.crowd))
    pictures = PicturesInFiles(split.folder, crowds.names, 1)
    with pytest.raises(FD2Error, match="no box to learn from"):
        DetectorTraining(own(), ["t"], fresh_detector(own(), 2, 0), crowds, pictures, job.device)


def test_a_loss_that_is_not_finite_is_told(
    detector_settings: Settings, scenes: Path, job: Job, tmp_path: Path
) -> None:
    with pytest.raises(FD2Error, match="loss is not finite") as told:
        trained(detector_settings(learning_rate=1e12, epochs=3), scenes, tmp_path, job)
    assert "learning_rate" in told.value.fix


@pytest.mark.slow
def test_a_detector_learns_where_the_cells_were_put(scenes: Path, job: Job) -> None:
    """In images that it was trained on: that it learns, not how well it does on others."""
    split = read_split(scenes / "train.safetensors")
    truth = split.annotated
    settings = own(epochs=50, batch_size=6, learning_rate=0.02)
    network = fresh_detector(settings, 2, 0)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            # MobileNet's own needs hundreds of steps to forget the statistics that it begins with.
            layer.momentum = 0.2
    # Of 512 regions an image most are background, and take most of the time.
    network.roi_heads.fg_bg_sampler.batch_size_per_image = 64
    pictures = PicturesInFiles(split.folder, truth.names, 1)
    rows = range(len(truth.names))
    outputs = [None, 0, 1]
    before = detections(network, pictures, rows, outputs, job.device)
    assert average_precision(truth, before)["map50"] < 2
    DetectorTraining(settings, ["t"], network, truth, pictures, job.device).run()
    found = detections(network, pictures, rows, outputs, job.device)
    assert average_precision(truth, found)["map50"] > 20
