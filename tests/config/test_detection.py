"""What sheets, settings and class maps of detection may say."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

from fd2.config.annotators import COCO_CATEGORIES, check_annotators
from fd2.config.checks import checked_configuration
from fd2.config.class_map import ClassMap
from fd2.config.datasets import ZCA
from fd2.config.detection import (
    AnnotateSettings,
    TrainDetectorSettings,
    annotate_settings,
    detector_settings,
)
from fd2.config.layers import merge, read_yaml
from fd2.config.names import Annotated, Detector, SetName
from fd2.config.resolve import Configuration
from fd2.config.rows import DetectionRow
from fd2.config.settings import build
from fd2.errors import FD2Error

CONFIG = Path(__file__).resolve().parents[2] / "config"
HEADER = "# kind: detection\ndataset,method,fd2,variant,ipc,scenes,annotator,detector\n"
ROW = "cub200,rded,plain,base,5,coco2017,coco_weights,ssdlite"
ANNOTATED = Annotated(SetName("cub200", "rded", "plain", "base"), 5, "coco2017", "coco_weights")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the config folder."""
    return Path(shutil.copytree(CONFIG, tmp_path / "config"))


def configuration(folder: Path, text: str, **detection: Any) -> Configuration:
    (folder / "tables" / "looked.csv").write_text(HEADER + text + "\n")
    changes = {"tables": ["looked"], "detection": detection}
    values = merge(read_yaml(folder / "config.yaml"), changes)
    return checked_configuration(values, "test.yaml", folder)


def test_rows_their_files_and_settings(folder: Path) -> None:
    full = "cub200,full,plain,base,,coco2017,,ssdlite"
    settings = configuration(folder, f"{ROW}\n{full}")
    own, real = settings.sheet("looked").rows_of(DetectionRow)
    below = "cub200/rded/plain/base/ipc5/coco2017/coco_weights"
    assert own.sources([0, 2]) == [f"detectors/{below}/ssdlite/seed{n}.json" for n in (0, 2)]
    assert real.sources([1]) == ["detectors/coco2017/full/ssdlite/seed1.json"]
    (detector,) = own.detectors([3])
    values = build(TrainDetectorSettings, detector_settings(settings, detector))
    assert (values.annotator, values.seed, values.ipc) == ("coco_weights", 3, 5)
    assert values.training.network == "ssdlite320_mobilenet_v3_large"
    boxes = build(AnnotateSettings, annotate_settings(settings, ANNOTATED))
    assert boxes.training is None and boxes.network == "fasterrcnn_resnet50_fpn_v2"
    assert boxes.class_map is not None and boxes.class_map["n02123045"] == "cat"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (ROW.replace("coco2017", "coco2071"), "unknown scenes 'coco2071'"),
        (ROW.replace("coco_weights", "yolo"), "unknown annotator 'yolo'"),
        (ROW.replace("ssdlite", "yolo"), "unknown detector 'yolo'"),
        (ROW.replace("cub200", "cub"), "unknown dataset 'cub'"),
        (ROW.replace("rded", "rdde"), "unknown method 'rdde'"),
        (ROW.replace("base", "hard-labels"), "unknown variant of distilled sets 'hard-labels'"),
        (ROW.replace(",5,", ",500,"), "ipc 500"),
        (ROW.replace(",5,", ",,"), "no images per class"),
        (
            ROW.replace("rded,plain,base,5", "full,plain,base,"),
            "annotator 'coco_weights' of 'full'",
        ),
        (ROW.replace("rded,plain,base,5", "full,fd2,base,"), "fd2 is 'fd2'"),
        (ROW + "\n" + ROW, "a row stands twice"),
    ],
)
def test_a_row_that_cannot_be_made_is_refused(folder: Path, line: str, message: str) -> None:
    with pytest.raises(FD2Error, match=message) as caught:
        configuration(folder, line)
    assert "looked.csv, line 3" in caught.value.where


def annotator(**changes: Any) -> dict[str, Any]:
    return {"annotators": {"coco_weights": changes}}


def detector(**changes: Any) -> dict[str, Any]:
    return {"detectors": {"ssdlite": changes}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (annotator(network=None), "neither 'network' nor 'detector'"),
        (annotator(detector="ssdlite"), "both of them"),
        (annotator(network=None, detector="ssdlight"), "unknown detector 'ssdlight'"),
        (annotator(classes="own", class_map=None), "own classes without a class map"),
        (annotator(class_map="imagenet_coc"), "no class map 'imagenet_coc'"),
        (
            annotator(weights_file={"path": "nothing.pth", "sha256": "0" * 64}),
            "no weights file nothing.pth",
        ),
        (
            annotator(
                network=None,
                detector="ssdlite",
                weights_file={"path": "nothing.pth", "sha256": "0" * 64},
            ),
            "a weights file for a detector trained here",
        ),
        (
            {
                **annotator(network=None, detector="ssdlite"),
                "scenes": {"coco2017": {"train": None}},
            },
            "no training images of scenes 'coco2017'",
        ),
        (annotator(score_threshold=1), "score_threshold"),
        (annotator(network="yolo11x"), "network"),
        (detector(min_size=320), "which has its own"),
        (detector(network="fcos_resnet50_fpn", min_size=90, max_size=80), "min_size 90 above"),
        (detector(epochs=0), "epochs"),
        ({"scenes": {"coco2017": {"val": "../val"}}}, "val"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(FD2Error, match=message) as caught:
        configuration(folder, ROW, **changes)
    assert "test.yaml" in caught.value.where or "detection" in caught.value.where


def test_whitened_images_are_refused(folder: Path) -> None:
    settings = configuration(folder, ROW)
    settings.values["datasets"]["cub200"] |= {ZCA: 0.1}
    with pytest.raises(FD2Error, match="whitened images"):
        annotate_settings(settings, ANNOTATED)


def test_an_annotator_that_is_trained_here_has_its_detectors_settings(folder: Path) -> None:
    changes = annotator(network=None, detector="fasterrcnn", seed=4)
    settings = configuration(folder, ROW, **changes)
    boxes = build(AnnotateSettings, annotate_settings(settings, ANNOTATED))
    real = Detector("coco2017", "fasterrcnn", 4, None)
    trained = build(TrainDetectorSettings, detector_settings(settings, real))
    assert boxes.training == trained.training and (boxes.detector, boxes.seed) == ("fasterrcnn", 4)


def test_annotators_that_a_sheet_has_with_the_scenes_are_compared_with_their_categories(
    folder: Path,
) -> None:
    full = "cub200,full,plain,base,,coco2017,,ssdlite"
    settings = configuration(folder, f"{ROW}\n{full}")
    check_annotators(settings, "coco2017", COCO_CATEGORIES)
    with pytest.raises(FD2Error, match="unknown category 'toilet'") as caught:
        check_annotators(settings, "coco2017", [n for n in COCO_CATEGORIES if n != "toilet"])
    assert "imagenet_coco.csv, line " in caught.value.where
    check_annotators(settings, "others", ["mono"])
    without_map = configuration(folder, ROW, **annotator(class_map=None))
    check_annotators(without_map, "coco2017", ["mono", "toilet"])
    with pytest.raises(FD2Error, match="knows no category of scenes 'coco2017': mono, poly"):
        check_annotators(without_map, "coco2017", ["mono", "poly"])
    trained = {"network": None, "detector": "fasterrcnn", "class_map": None}
    own = configuration(folder, ROW, **annotator(**trained))
    check_annotators(own, "coco2017", ["mono", "poly"])


def test_the_shipped_class_map_names_classes_of_imagenet_and_categories_of_coco() -> None:
    timm = pytest.importorskip("timm")
    from torchvision.models import get_model_weights

    weights = next(iter(get_model_weights("fasterrcnn_resnet50_fpn")))
    path = Path(timm.__file__).parent / "data" / "_info" / "imagenet_synsets.txt"
    shipped = CONFIG / "class_maps/imagenet_coco.csv"
    mapped = ClassMap.read(shipped)
    categories = set(weights.meta["categories"]) - {"N/A", "__background__"}
    assert list(COCO_CATEGORIES) == [one for one in weights.meta["categories"] if one in categories]
    mapped.require(path.read_text().split(), categories)
    assert len(categories) == 80
    told = " ".join(shipped.read_text().split())
    assert f"{len(mapped.categories)} classes, {len(set(mapped.categories.values()))} cat" in told
    unnamed = categories - set(mapped.categories.values())
    assert all(name in told for name in unnamed) and "Ours:" in told
    # The names for readers are those that timm lists.
    lemmas = path.with_name("imagenet_synset_to_lemma.txt").read_text().splitlines()
    known = dict(line.split("\t") for line in lemmas)
    rows = csv.DictReader(line for line in shipped.open() if not line.startswith("#"))
    assert all(known[row["class"]].split(",")[0] == row["name"] for row in rows)


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("class,category\na,dog\nb,\n", "an empty cell", "line 3"),
        ("class,category\na,dog\nb,cat\na,cat\n", "class 'a' stands twice", "line 2 and line 4"),
        ("# only notes\nclass,category\n", "no class in the class map", "map.csv"),
        ("class,categories\na,dog\n", "unknown column 'categories'", "line 1"),
        ("class\na\n", "no column 'category'", "line 1"),
    ],
)
def test_a_faulty_class_map_is_refused(text: str, message: str, where: str, tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text(text)
    with pytest.raises(FD2Error, match=message) as caught:
        ClassMap.read(path)
    assert where in caught.value.where
