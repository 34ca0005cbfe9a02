"""Object detection: annotated real images, annotators of distilled sets, detectors; settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.config.class_map import FOLDER, ClassMap
from fd2.config.datasets import refuse_whitened
from fd2.config.names import FULL_DATA, Annotated, Detector
from fd2.config.pathvars import filled_in
from fd2.config.weights_files import FILE, WeightsFile, check_weights_file
from fd2.errors import FD2Error, require_known

if TYPE_CHECKING:
    from fd2.config.resolve import Configuration
    from fd2.config.rows import DetectionRow

#: The part of an annotation file's name that COCO puts before the folder's.
INSTANCES = "instances_{}.json"
OWN = "own"
#: Detectors of torchvision with COCO weights; a test compares them with torchvision's list.
NETWORKS = (
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_mobilenet_v3_large_fpn",
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
    "fcos_resnet50_fpn",
    "retinanet_resnet50_fpn",
    "retinanet_resnet50_fpn_v2",
    "ssd300_vgg16",
    "ssdlite320_mobilenet_v3_large",
)
#: Those that see images of one size, whatever is asked for.
FIXED_SIZE = ("ssd300_vgg16", "ssdlite320_mobilenet_v3_large")


@dataclass(frozen=True)
class ScenesSettings:
    """Annotated real images; names as in ``detection.scenes``.

    Attributes:
        scenes: their name.
        path: the folder.
        train: folder of the training images; None where there are none.
        val: folder of the images that detectors are tested on.
    """

    scenes: str
    path: str
    train: str | None
    val: str

    def files(self, split: str) -> tuple[Path, Path]:
        """Folder of images and annotation file of a folder's name.

        Raises:
            FD2Error: for a home or a variable that is not known.
        """
        root = filled_in(self.path, f"setting 'detection.scenes.{self.scenes}.path'")
        return root / split, root / "annotations" / INSTANCES.format(split)

    def annotation_bytes(self) -> dict[str, int]:
        """Bytes of the annotation files, by what their images are for.

        Raises:
            FD2Error: for a home or a variable that is not known.
            FileNotFoundError: for a file that is not there.
        """
        named = {"train": self.train, "val": self.val}
        files = {key: self.files(name)[1] for key, name in named.items() if name is not None}
        return {key: file.stat().st_size for key, file in files.items()}

    def categories(self) -> list[str] | None:
        """Names of the categories in the annotation file of the images to test on.

        None where it is not there, or cannot be read: stage prepare_scenes says why.
        """
        try:
            listed = json.loads(self.files(self.val)[1].read_bytes())["categories"]
            return [str(category["name"]) for category in listed]
        except (FD2Error, OSError, ValueError, LookupError, TypeError):
            return None


@dataclass(frozen=True)
class DetectorSettings:
    """How a detector is trained; names as in ``detection.detectors``."""

    network: str
    backbone_weights: str
    min_size: int | None
    max_size: int | None
    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    weight_decay: float
    schedule: str
    warm_up_epochs: float
    flip: bool


@dataclass(frozen=True)
class AnnotateSettings:
    """Names as in ``detection.annotators``, and those of the set, the scenes and the annotator.

    Attributes:
        network: with COCO's weights; None for a detector trained here.
        weights_file: these weights; None to download them.
        detector, seed: one trained here on the scenes' training images; None for ``network``.
        training: that detector's.
        score_threshold: of boxes that are kept.
        classes: ``own`` keeps boxes of the category of the image's class alone, ``any`` all.
        class_map: category by class, of the classes whose images are annotated; None for all.
    """

    dataset: str
    method: str
    fd2: str
    variant: str
    ipc: int
    scenes: str
    annotator: str
    preset: str
    network: str | None
    weights_file: WeightsFile | None
    detector: str | None
    seed: int
    training: DetectorSettings | None
    score_threshold: float
    classes: str
    class_map: Mapping[str, str] | None


@dataclass(frozen=True)
class TrainDetectorSettings:
    """A detector; the first names are those of `fd2.config.names.Detector.fields`."""

    dataset: str
    method: str
    fd2: str
    variant: str
    ipc: int | None
    scenes: str
    annotator: str | None
    detector: str
    seed: int
    preset: str
    training: DetectorSettings


def scenes_settings(settings: Configuration, scenes: str) -> dict[str, Any]:
    """Settings of annotated real images."""
    return {"scenes": scenes, **settings.values["detection"]["scenes"][scenes]}


def _training(settings: Configuration, detector: str) -> dict[str, Any]:
    entry = settings.values["detection"]["detectors"][detector]
    where = settings.where("detection", "detectors", detector)
    if entry["network"] in FIXED_SIZE and (entry["min_size"], entry["max_size"]) != (None, None):
        fix = "set 'min_size: null' and 'max_size: null'"
        raise FD2Error(f"a size of images for '{entry['network']}', which has its own", where, fix)
    low, high = entry["min_size"], entry["max_size"]
    if low is not None and high is not None and low > high:
        raise FD2Error(f"min_size {low} above max_size {high}", where, "swap the two")
    return dict(entry)


def detector_settings(settings: Configuration, detector: Detector) -> dict[str, Any]:
    """Settings of one detector.

    Raises:
        FD2Error: for sizes that its network does not take, or scenes without training images.
    """
    if detector.annotated is None:
        _require_training_images(settings, detector.scenes, f"target .../{detector.path()}")
    preset = settings.values["preset"]
    return {
        **detector.fields(),
        "preset": preset,
        "training": _training(settings, detector.detector),
    }


def _require_training_images(settings: Configuration, scenes: str, where: str) -> None:
    if settings.values["detection"]["scenes"][scenes]["train"] is None:
        fix = f"set 'detection.scenes.{scenes}.train' to their folder's name"
        raise FD2Error(f"no training images of scenes '{scenes}'", where, fix)


def annotator_detector(settings: Configuration, annotated: Annotated) -> Detector | None:
    """The detector trained here that annotates; None for COCO's weights."""
    entry = settings.values["detection"]["annotators"][annotated.annotator]
    name = entry["detector"]
    return None if name is None else Detector(annotated.scenes, name, entry["seed"], None)


def class_map(settings: Configuration, annotator: str) -> ClassMap | None:
    """The class map of an annotator, read from the config's folder; None where it has none.

    Raises:
        FD2Error: as `ClassMap.read`.
    """
    name = settings.values["detection"]["annotators"][annotator]["class_map"]
    if name is None:
        return None
    asked = f", for {settings.where('detection', 'annotators', annotator, 'class_map')}"
    return ClassMap.read(settings.folder / FOLDER / f"{name}.csv", asked)


def annotate_settings(settings: Configuration, annotated: Annotated) -> dict[str, Any]:
    """Settings of the boxes of one distilled set.

    Raises:
        FD2Error: for an annotator with neither or both of ``network`` and ``detector``, a weights
            file that is not there, own classes without a class map, scenes without the training
            images that the detector needs, or a set of whitened images.
    """
    name, dataset = annotated.annotator, annotated.set_name.dataset
    refuse_whitened(settings.values["datasets"][dataset], f"target .../{annotated.path()}")
    entry = dict(settings.values["detection"]["annotators"][name])
    where = settings.where("detection", "annotators", name)
    if (entry["network"] is None) == (entry["detector"] is None):
        what = "neither 'network' nor 'detector'" if entry["network"] is None else "both of them"
        fix = "set 'network' for COCO's weights, or 'detector' for one trained here; null the other"
        raise FD2Error(f"annotator '{name}' has {what}", where, fix)
    if entry["network"] is None and entry["weights_file"] is not None:
        fix = "set 'weights_file: null', or a 'network' in place of 'detector'"
        raise FD2Error(f"a weights file for a detector trained here, '{name}'", where, fix)
    if entry["weights_file"] is not None:
        check_weights_file(FILE, entry["weights_file"], where)
    if entry["classes"] == OWN and entry["class_map"] is None:
        fix = "name a class map, or set 'classes: any'"
        raise FD2Error(f"own classes without a class map, annotator '{name}'", where, fix)
    training = None
    if entry["detector"] is not None:
        detectors = settings.values["detection"]["detectors"]
        where = settings.where("detection", "annotators", name, "detector")
        require_known("detector", entry["detector"], detectors, where)
        _require_training_images(settings, annotated.scenes, where)
        training = _training(settings, entry["detector"])
    mapped = class_map(settings, name)
    return {
        **asdict(annotated.set_name),
        **{"ipc": annotated.ipc, "scenes": annotated.scenes, "annotator": name},
        "preset": settings.values["preset"],
        **entry,
        "training": training,
        "class_map": None if mapped is None else mapped.categories,
    }


def check_detection_row(settings: Configuration, row: DetectionRow, where: str) -> None:
    """Refuse names of scenes, annotators and detectors that there are not, and faulty settings.

    Raises:
        FD2Error: for the first fault.
    """
    section = settings.values["detection"]
    require_known("scenes", row.scenes, section["scenes"], where)
    require_known("detector", row.detector, section["detectors"], where)
    if row.method == FULL_DATA:
        if row.annotator:
            fix = f"leave it empty: '{FULL_DATA}' is the scenes' own training images and boxes"
            raise FD2Error(f"annotator '{row.annotator}' of '{FULL_DATA}'", where, fix)
        if row.variant != "base":
            raise FD2Error(f"variant '{row.variant}' of full data", where, "write 'base'")
    else:
        require_known("annotator", row.annotator, section["annotators"], where)
    for detector in row.detectors([0]):
        if detector.annotated is not None:
            annotate_settings(settings, detector.annotated)
        detector_settings(settings, detector)
