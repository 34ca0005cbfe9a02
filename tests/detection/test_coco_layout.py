"""What is read of annotation files, what a detector learns of it, and what is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pycocotools.coco import COCO

from fd2.config.detection import ScenesSettings
from fd2.detection.coco_layout import parse_coco, read_coco
from fd2.detection.scenes import read_split
from fd2.errors import FD2Error
from fd2.runtime.job import Job
from fd2.stages.prepare_scenes import prepare_scenes

CONTENT: dict[str, Any] = {
    "images": [
        {"id": 5, "file_name": "b/one.png", "width": 60, "height": 40},
        {"id": 2, "file_name": "two.png", "width": 30, "height": 30},
        {"id": 9, "file_name": "empty.png", "width": 30, "height": 30},
    ],
    "annotations": [
        {"id": 1, "image_id": 2, "category_id": 7, "bbox": [3, 4, 10, 20.5], "area": 99},
        {"id": 2, "image_id": 5, "category_id": 3, "bbox": [50.5, 10, 10.2, 5], "iscrowd": 0},
        {"id": 3, "image_id": 2, "category_id": 3, "bbox": [0, 0, 30, 30], "iscrowd": 1},
        {"id": 4, "image_id": 2, "category_id": 3, "bbox": [1, 1, 0, 5]},
        {"id": 5, "image_id": 2, "category_id": 3, "bbox": [2, 2, 4, 4]},
    ],
    "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
}


def changed(key: str, position: int, **values: Any) -> dict[str, Any]:
    content = copy.deepcopy(CONTENT)
    content[key][position].update(values)
    return content


def test_positions_of_images_and_categories() -> None:
    found = parse_coco(CONTENT, "file")
    assert found.categories == ((7, "dog"), (3, "cat"))
    assert found.image.tolist() == [1, 0, 1, 1, 1] and found.category.tolist() == [0, 1, 1, 1, 1]
    assert found.areas.tolist() == [99, 51, 900, 0, 16]
    assert found.crowd.tolist() == [False, False, True, False, False]


def test_what_is_learned_lies_inside_and_has_an_area() -> None:
    found = parse_coco(CONTENT, "file")
    positions, boxes, labels = found.learned()
    # Without the crowd, the flat box and the empty image; clipped at the right edge.
    assert positions == [0, 1]
    assert [one.tolist() for one in labels] == [[2], [1, 2]]
    assert torch.equal(boxes[0], torch.tensor([[50.5, 10, 60, 15]]))
    assert torch.equal(boxes[1], torch.tensor([[3.0, 4, 13, 24.5], [2, 2, 6, 6]]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "no list of 'images'"),
        ({**CONTENT, "annotations": []}, "no box at all"),
        ({**CONTENT, "images": "none"}, "no list of 'images'"),
        (changed("images", 0, id=2), "image 2 stands twice"),
        (changed("images", 0, file_name="two.png"), "'two.png' stands twice"),
        (changed("images", 0, file_name="../one.png"), "'../one.png'"),
        (changed("images", 0, file_name="/one.png"), "'/one.png'"),
        (changed("images", 0, width=0), "without width and height"),
        (changed("annotations", 1, image_id=6), "box 2 is of image 6, which is not listed"),
        (changed("annotations", 1, category_id=1), "box 2 is of category 1, which is not"),
        (changed("annotations", 1, bbox=[1, 2, 3]), "box 2 is .*, not left, top, width"),
        (changed("annotations", 0, bbox=[3, 4, 10, 28]), "box 1, .*outside.*'two.png' of 30 × 30"),
        (changed("annotations", 0, bbox=[-2, 4, 10, 8]), "box 1, .*outside"),
        (changed("annotations", 0, bbox=[2, 4, -1, 8]), "box 1, .*outside"),
        (changed("annotations", 0, bbox=[2, 4, float("nan"), 8]), "box 1, .*outside"),
        (changed("categories", 0, name="cat"), "two categories of one name"),
    ],
)
def test_a_faulty_file_is_refused(content: Any, message: str) -> None:
    with pytest.raises(FD2Error, match=message) as refused:
        parse_coco(content, "the file")
    assert refused.value.where == "the file"


def test_no_json_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(FD2Error, match="no JSON"):
        read_coco(tmp_path / "a.json")
    with pytest.raises(FD2Error, match="no annotation file"):
        read_coco(tmp_path / "b.json")


def test_prepared_scenes_are_those_that_pycocotools_reads(scenes: Path, rendered: Path) -> None:
    for split, count in (("train", 12), ("val", 5)):
        theirs = COCO(str(rendered / f"annotations/instances_{split}.json"))
        ours = read_split(scenes / f"{split}.safetensors")
        annotated = ours.annotated
        assert ours.folder == rendered / split and len(annotated.names) == count
        assert annotated.categories == ((3, "mono"), (7, "poly"))
        for box, image, category in zip(
            theirs.dataset["annotations"], annotated.image, annotated.category, strict=True
        ):
            assert theirs.imgs[box["image_id"]]["file_name"] == annotated.names[int(image)]
            assert annotated.categories[int(category)][0] == box["category_id"]
        assert annotated.boxes.tolist() == [b["bbox"] for b in theirs.dataset["annotations"]]


def copied(rendered: Path, folder: Path) -> Path:
    for path in rendered.rglob("*.*"):
        target = folder / path.relative_to(rendered)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def prepared(
    rendered: Path, tmp_path: Path, scenes_settings: Callable[..., ScenesSettings], job: Job
) -> Callable[..., Path]:
    """Prepare a copy of the scenes after something was done to it; the folder of the outputs."""
    folder = copied(rendered, tmp_path / "copy")

    def run(spoil: Callable[[Path], object], **changes: Any) -> Path:
        spoil(folder)
        made = tmp_path / "made"
        files = (made / name for name in ("train.safetensors", "val.safetensors", "record.json"))
        prepare_scenes(scenes_settings(path=str(folder), **changes), *files, job)
        return made

    return run


def rewritten(folder: Path, split: str, change: Callable[[dict[str, Any]], object]) -> None:
    file = folder / f"annotations/instances_{split}.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "val/002.png").unlink(), "1 of 5 images are not there: 002.png"),
        (lambda f: (f / "val/002.png").write_bytes(b"no"), "no image"),
        (
            lambda f: rewritten(f, "val", lambda c: c["images"][1].update(width=97)),
            "'001.png' has 96 × 80 pixels, not 97 × 80",
        ),
        (
            lambda f: rewritten(f, "train", lambda c: c["categories"][0].update(name="mono?")),
            "other categories",
        ),
    ],
)
def test_scenes_that_are_not_whole_are_refused(
    prepared: Callable[..., Path], spoil: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(FD2Error, match=message):
        prepared(spoil)
    assert not (tmp_path / "made").exists()


def test_other_pixels_are_other_scenes(prepared: Callable[..., Path], scenes: Path) -> None:
    known = read_split(scenes / "val.safetensors").manifest
    same = prepared(lambda f: None)
    assert read_split(same / "val.safetensors").manifest == known
    path = "train/000.png"
    made = prepared(lambda f: (f / path).write_bytes((f / path).read_bytes() + b"0"))
    assert read_split(made / "val.safetensors").manifest != known


def test_without_training_images(prepared: Callable[..., Path]) -> None:
    made = prepared(lambda f: None, train=None)
    assert not read_split(made / "train.safetensors").annotated.names
    assert json.loads((made / "record.json").read_text())["scenes"]["val"]["images"] == 5
