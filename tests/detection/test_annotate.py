"""Boxes in distilled images: what is kept, how it is written, and what detectors learn of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pycocotools.coco import COCO
from tests.conftest import Chain
from tests.detection.conftest import REAL, TINY, WIDTH
from torchvision.models import get_model, get_model_weights

from fd2.artifacts.exports import IMAGES, picture_names
from fd2.artifacts.files import file_digest
from fd2.artifacts.images import read_distilled, write_distilled
from fd2.artifacts.manifests import read_manifest
from fd2.config.detection import NETWORKS, AnnotateSettings, TrainDetectorSettings
from fd2.config.settings import build
from fd2.config.weights_files import WeightsFile
from fd2.detection.networks import coco_detector, stored_detector
from fd2.errors import FD2Error
from fd2.runtime.job import Job
from fd2.stages.annotate import annotate
from fd2.stages.select_images import select_images
from fd2.stages.train_detector import train_detector, train_detector_real

OWN: dict[str, Any] = {
    **{"dataset": "cells", "method": "random", "fd2": "plain", "variant": "base", "ipc": 2},
    **{"scenes": "scenes", "annotator": "own", "preset": "paper", "network": None},
    **{"weights_file": None, "detector": "tiny", "seed": 0, "training": TINY},
    **{"score_threshold": 0.0, "classes": "any", "class_map": None},
}
SET = "cells/random/plain/base/ipc2/scenes/own"


@pytest.fixture(scope="module")
def annotator(scenes: Path, job: Job, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector that has hardly learned: it sees boxes everywhere, with low scores."""
    weights = tmp_path_factory.mktemp("annotator") / "seed0.safetensors"
    settings = build(TrainDetectorSettings, {**REAL, "training": {**TINY, "epochs": 1}})
    splits = scenes / "train.safetensors", scenes / "val.safetensors"
    train_detector_real(settings, *splits, weights, weights.with_suffix(".json"), job)
    return weights


@pytest.fixture(scope="module")
def distilled(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two random images of each of three grades."""
    path = tmp_path_factory.mktemp("sets") / "ipc2.safetensors"
    settings = chain.select_settings("random", 2)
    select_images(settings, chain.data, None, [], path, path.with_suffix(".json"), chain.job)
    return path


@pytest.fixture
def annotated(
    chain: Chain, distilled: Path, scenes: Path, annotator: Path, tmp_path: Path
) -> Callable[..., tuple[Path, dict[str, Any]]]:
    """Annotate the set; file and content."""

    def run(
        lines: str | None = None, weights: Path = annotator, **changes: Any
    ) -> tuple[Path, dict[str, Any]]:
        mapped = None
        if lines is not None:
            mapped = tmp_path / "map.csv"
            mapped.write_text("class,category\n" + lines)
            rows = dict(line.split(",") for line in lines.split())
            changes["class_map"] = rows
        output = tmp_path / "results/annotations" / f"{SET}.json"
        annotate(
            build(AnnotateSettings, {**OWN, **changes}),
            chain.data / "manifest.json",
            distilled,
            scenes / "val.safetensors",
            weights,
            mapped,
            output,
            chain.job,
        )
        return output, json.loads(output.read_text())

    return run


def test_pycocotools_reads_it_beside_an_export(
    annotated: Callable[..., Any], chain: Chain, distilled: Path, annotator: Path
) -> None:
    path, content = annotated()
    read = COCO(str(path))
    assert [read.cats[number]["name"] for number in sorted(read.cats)] == ["mono", "poly"]
    classes = read_manifest(chain.data / "manifest.json").classes
    files = [name for names in picture_names(classes, 2) for name in names]
    assert [read.imgs[row]["file_name"] for row in range(6)] == [f"{IMAGES}/{n}" for n in files]
    sizes = {(image["width"], image["height"]) for image in read.imgs.values()}
    assert sizes == {tuple(read_distilled(distilled).images.shape[:1:-1])}
    told = content["annotated"]
    assert told["boxes"] == len(read.anns) > 0 and told["left_out"] == 0
    assert sum(told["boxes_by_category"].values()) == told["boxes"]
    for box in read.anns.values():
        left, top, width, height = box["bbox"]
        assert min(left, top) >= 0 and width >= 1 and height >= 1
        assert left + width <= 32 + 1e-4 and top + height <= 32 + 1e-4
        assert box["area"] == pytest.approx(width * height, rel=1e-5)
    seen = {box["image_id"] for box in read.anns.values()}
    empty = [f"{IMAGES}/{name}" for row, name in enumerate(files) if row not in seen]
    assert told["without_box"] == empty
    assert content["inputs"]["distilled"] == file_digest(distilled)
    assert content["inputs"]["annotator"] == file_digest(annotator)


def test_boxes_below_the_threshold_are_left_out(annotated: Callable[..., Any]) -> None:
    every = annotated()[1]["annotations"]
    scores = sorted(box["score"] for box in every)
    threshold = scores[len(scores) // 2]
    kept = annotated(score_threshold=threshold)[1]["annotations"]
    plain = [{**box, "id": 0} for box in every if box["score"] >= threshold]
    assert [{**box, "id": 0} for box in kept] == plain and 0 < len(kept) < len(every)
    assert [box["id"] for box in kept] == list(range(1, len(kept) + 1))


def test_own_classes_and_images_that_the_map_leaves_out(annotated: Callable[..., Any]) -> None:
    every = annotated()[1]
    lines = "mono_000,mono\npoly_000,poly\n"
    some = annotated(lines)[1]
    assert [image["id"] for image in some["images"]] == [0, 1, 4, 5]
    assert some["annotated"]["left_out"] == 2
    boxes = [{**box, "id": 0} for box in every["annotations"] if box["image_id"] not in (2, 3)]
    assert [{**box, "id": 0} for box in some["annotations"]] == boxes
    own = annotated(lines, classes="own")[1]["annotations"]
    wanted = [box for box in boxes if box["category_id"] == (3 if box["image_id"] < 2 else 7)]
    assert [{**box, "id": 0} for box in own] == wanted and len(wanted) < len(boxes)


@pytest.mark.parametrize(
    ("lines", "message", "line"),
    [
        ("mono_000,mono\nmono_001,poly\n", "unknown class 'mono_001'.*mono_000", 3),
        ("mono_000,mno\n", "unknown category 'mno'.*did you mean 'mono'", 2),
    ],
)
def test_a_class_map_of_other_names_is_refused_with_its_line(
    annotated: Callable[..., Any], lines: str, message: str, line: int, tmp_path: Path
) -> None:
    with pytest.raises(FD2Error, match=f"(?s){message}") as refused:
        annotated(lines)
    assert refused.value.where.endswith(f"map.csv, line {line}")
    assert not (tmp_path / "results").exists()


def test_no_box_at_all_is_refused_with_the_way_out(annotated: Callable[..., Any]) -> None:
    with pytest.raises(FD2Error, match="no box in any of 6 images") as refused:
        annotated(score_threshold=0.999)
    assert "score_threshold" in refused.value.fix and "0.999" in refused.value.fix


def test_a_detector_learns_the_annotated_images(
    annotated: Callable[..., Any], distilled: Path, scenes: Path, job: Job, tmp_path: Path
) -> None:
    path, content = annotated("mono_000,mono\npoly_000,poly\n")
    identity = {**OWN, "detector": "tiny", "training": {**TINY, "epochs": 1, "batch_size": 2}}
    names = (*REAL, "training")
    settings = build(TrainDetectorSettings, {key: identity[key] for key in names})
    record_file = tmp_path / "results/detectors" / SET / "tiny/seed0.json"
    val = scenes / "val.safetensors"
    train_detector(settings, distilled, path, val, record_file, job)
    record = json.loads(record_file.read_text())
    result = record["result"]
    seen = {box["image_id"] for box in content["annotations"]}
    assert (result["images"], result["boxes"]) == (len(seen), len(content["annotations"]))
    assert record["detection"]["annotator"] == "own" and record["detection"]["ipc"] == 2
    assert 0 <= result["map"] <= result["map50"] <= 100 and result["tested_images"] == 5
    # Boxes of other images.
    other = tmp_path / "other.safetensors"
    images = read_distilled(distilled)
    slots = images.images.reshape(3, 2, *images.images.shape[1:]).transpose(0, 1)
    write_distilled(other, 255 - slots, images.metadata)
    with pytest.raises(FD2Error, match="boxes of other images"):
        train_detector(settings, other, path, val, record_file, job)


@pytest.mark.parametrize(
    "name", ["fasterrcnn_mobilenet_v3_large_320_fpn", "fasterrcnn_resnet50_fpn"]
)
def test_official_weights_see_what_torchvision_sees_by_them(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen batch norm, its epsilon, and 91 names: as torchvision builds it with such weights."""
    weights = next(iter(get_model_weights(name)))
    torch.manual_seed(0)
    drawn = get_model(name, weights=None, weights_backbone=None)
    for layer in drawn.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.1, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
    state = {k: v for k, v in drawn.state_dict().items() if not k.endswith("num_batches_tracked")}
    file = tmp_path / "hub/checkpoints" / weights.url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    torch.save(state, file)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    # A file that is there already, torchvision takes without a look at its digest.
    theirs = get_model(name, weights=weights)
    ours, names = coco_detector(name, WeightsFile(str(file), file_digest(file)))
    epsilons = [
        {key: layer.eps for key, layer in one.named_modules() if hasattr(layer, "running_var")}
        for one in (theirs, ours)
    ]
    assert epsilons[0] == epsilons[1]
    # Where nothing was learned scores are alike, so that the boxes' order hangs on rounding.
    seen = torch.rand(1, 3, 64, WIDTH)
    with torch.no_grad():
        first, second = (one.eval().backbone(seen) for one in (theirs, ours))
    for key, value in first.items():
        largest = float(value.abs().max())
        assert largest > 0 and float((value - second[key]).abs().max()) < 1e-4 * largest
    own = ours.state_dict()
    assert all(torch.equal(own[key], value) for key, value in theirs.state_dict().items())
    assert names[1] == "person" and len(names) == 91
    torch.save({**state, "more": torch.zeros(1)}, file)
    with pytest.raises(FD2Error, match="of another network: more"):
        coco_detector(name, WeightsFile(str(file), file_digest(file)))


def test_a_stored_detector_is_the_trained_one(annotator: Path) -> None:
    first, names = stored_detector(annotator)
    assert names == ("__background__", "mono", "poly")
    again, _ = stored_detector(annotator)
    for key, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])


def test_the_networks_are_torchvisions_detectors_of_boxes() -> None:
    from torchvision import models

    listed = models.list_models(module=models.detection)
    other = ("maskrcnn", "keypointrcnn")
    assert set(NETWORKS) == {name for name in listed if not name.startswith(other)}
    assert all(len(next(iter(get_model_weights(n))).meta["categories"]) == 91 for n in NETWORKS)
