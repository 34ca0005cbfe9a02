"""Stage train_detector: a detector on distilled or real images, tested on real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from fd2.artifacts.files import file_digest
from fd2.artifacts.images import read_distilled
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.artifacts.records import read_content, write_record
from fd2.artifacts.remarks import REMARKS
from fd2.artifacts.tensors import write_tensors
from fd2.config.detection import TrainDetectorSettings
from fd2.detection.annotated_images import AnnotatedImages
from fd2.detection.average_precision import average_precision
from fd2.detection.coco_layout import parse_coco
from fd2.detection.detector_training import DetectorTraining
from fd2.detection.finding import detections
from fd2.detection.networks import fresh_detector
from fd2.detection.pictures import Pictures, PicturesInFiles, PicturesOfSet
from fd2.detection.scenes import SceneSplit, read_split
from fd2.errors import FD2Error
from fd2.runtime.job import Job
from fd2.runtime.seeds import seed_from
from fd2.runtime.state import stage_state

STAGE = "train_detector"
#: Of the settings, the fields of `fd2.config.names.Detector.fields`.
_NAMES = ("dataset", "method", "fd2", "variant", "ipc", "scenes", "annotator", "detector", "seed")


def train_detector(
    settings: TrainDetectorSettings,
    distilled: Path,
    annotations: Path,
    val: Path,
    record_file: Path,
    job: Job,
) -> None:
    """Train a detector on annotated distilled images, and test it on the scenes' images.

    A job that was stopped goes on from its state and ends in the same numbers.

    Args:
        settings: of the detector.
        distilled: the images.
        annotations: their boxes, of stage annotate.
        val: the scenes' images to test on.
        record_file: JSON with the detector's mean average precision.
        job: the running job.

    Raises:
        FD2Error: if an input is missing or damaged, the boxes are of other images or categories,
            or the loss stops being finite.
        StoppedError: if a signal came; the state is written.
    """
    images, boxes, scenes = read_distilled(distilled), read_content(annotations), read_split(val)
    if boxes["inputs"]["distilled"] != file_digest(distilled):
        fix = "delete the annotations and run again; stage annotate makes them anew"
        raise FD2Error("boxes of other images", f"{annotations} and {distilled}", fix)
    digests = {str(distilled): images.metadata["manifest"], str(annotations): boxes["manifest"]}
    inputs = {"distilled": distilled, "annotations": annotations, "scenes": val}
    shaped = shaped_by(STAGE, settings, same_manifest(digests), inputs)
    listed = parse_coco(boxes, str(annotations))
    if listed.categories != scenes.annotated.categories:
        fix = "delete the annotations and run again; stage annotate makes them anew"
        raise FD2Error("boxes of other categories than the scenes'", str(annotations), fix)
    # The annotated images are some of the set's, by their numbers.
    rows = [image["id"] for image in boxes["images"]]
    pictures = PicturesOfSet(images.pictures()[rows])
    _train(settings, shaped, (listed, pictures), scenes, None, record_file, job, boxes)


def train_detector_real(
    settings: TrainDetectorSettings,
    train: Path,
    val: Path,
    output: Path,
    record_file: Path,
    job: Job,
) -> None:
    """Train a detector on the scenes' own training images; test it, and write its weights too.

    Arguments and errors are as of `train_detector`; ``train`` are the images to train on.
    """
    images, scenes = read_split(train), read_split(val)
    digests = {str(train): images.manifest, str(val): scenes.manifest}
    inputs = {"train": train, "scenes": val}
    shaped = shaped_by(STAGE, settings, same_manifest(digests), inputs)
    pictures = PicturesInFiles(images.folder, images.annotated.names, job.threads)
    given = images.annotated, pictures
    _train(settings, shaped, given, scenes, output, record_file, job, {})


def _train(
    settings: TrainDetectorSettings,
    shaped: dict[str, Any],
    given: tuple[AnnotatedImages, Pictures],
    scenes: SceneSplit,
    output: Path | None,
    record_file: Path,
    job: Job,
    told: dict[str, Any],
) -> None:
    """``given`` is what the detector learns, ``told`` the content of the annotations' record."""
    # Detectors of one seed start alike, whatever images they learn.
    names = (STAGE, settings.scenes, settings.detector, settings.seed)
    categories = [name for _, name in scenes.annotated.categories]
    fresh = fresh_detector(settings.training, len(categories), seed_from(*names, "weights"))
    detector = fresh.to(job.device)
    training = DetectorTraining(settings.training, names, detector, *given, job.device)
    with stage_state(job, shaped) as state:
        losses = training.run(state.part("training"))
        found = _test(detector, scenes, job)
        if output is not None:
            weights = detector.state_dict()
            write_tensors(output, weights, {**shaped, "categories": categories})
        content = {
            "detection": {key: getattr(settings, key) for key in _NAMES},
            "preset": settings.preset,
            "scenes_manifest": scenes.manifest,
            REMARKS: told.get(REMARKS, []),
            "result": {
                **{"images": training.images, "boxes": training.boxes, "losses": losses},
                **{"tested_images": len(scenes.annotated.names), **found},
            },
        }
        write_record(record_file, {**content, **record(shaped, job.facts())})
        state.remove()


def _test(detector: nn.Module, scenes: SceneSplit, job: Job) -> dict[str, Any]:
    """Mean average precision in all images of the scenes."""
    truth = scenes.annotated
    pictures = PicturesInFiles(scenes.folder, truth.names, job.threads)
    outputs = [None, *range(len(truth.categories))]
    found = detections(detector, pictures, range(len(truth.names)), outputs, job.device)
    return average_precision(truth, found)
