"""Stage annotate: the boxes that a detector sees in distilled images, in COCO's layout."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fd2.artifacts.exports import IMAGES, picture_names
from fd2.artifacts.images import DistilledSet, read_distilled
from fd2.artifacts.manifests import Manifest, read_manifest
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.artifacts.records import write_record
from fd2.artifacts.remarks import REMARKS
from fd2.config.annotators import require_common_category
from fd2.config.class_map import ClassMap
from fd2.config.detection import OWN, AnnotateSettings
from fd2.detection.average_precision import Detections
from fd2.detection.finding import detections
from fd2.detection.networks import coco_detector, stored_detector
from fd2.detection.pictures import PicturesOfSet
from fd2.detection.scenes import read_split
from fd2.errors import FD2Error
from fd2.runtime.job import Job

#: Side in pixels below which a box is nothing to learn from.
_LEAST_SIDE = 1.0


def annotate(
    settings: AnnotateSettings,
    manifest_file: Path,
    distilled: Path,
    scenes: Path,
    annotator: Path | None,
    class_map: Path | None,
    output: Path,
    job: Job,
) -> None:
    """Write the boxes of a distilled set: a record that other programs read as annotations.

    Images have the names of the pictures in an export of the set, and their positions in the set
    as numbers. Images of classes that the class map does not name are left out.

    Args:
        settings: of the annotator.
        manifest_file: of the dataset that the set was distilled from.
        distilled: the set.
        scenes: images of the scenes, whose categories the boxes have.
        annotator: weights of a detector trained here; None for COCO's.
        class_map: the file of ``settings.class_map``, for its lines; None without one.
        output: the annotations.
        job: the running job.

    Raises:
        FD2Error: if an input is missing or damaged, the class map names what there is not, the
            annotator knows none of the categories, or no image has a box.
    """
    manifest, images = read_manifest(manifest_file), read_distilled(distilled)
    categories = read_split(scenes).annotated.categories
    names = [name for _, name in categories]
    if class_map is not None:
        ClassMap.read(class_map).require(manifest.classes, names)
    digests = {str(manifest_file): manifest.digest(), str(distilled): images.metadata["manifest"]}
    inputs = {"distilled": distilled, "scenes": scenes}
    if annotator is not None:
        inputs["annotator"] = annotator
    shaped = shaped_by("annotate", settings, same_manifest(digests), inputs)
    own = _own_categories(settings, manifest, names)[images.labels]
    chosen = list(range(len(own))) if class_map is None else (own >= 0).nonzero()[:, 0].tolist()
    found = _found(settings, annotator, images, chosen, names, own, job)
    if not len(found.image):
        raise FD2Error(
            f"no box in any of {len(chosen)} images",
            f"annotator '{settings.annotator}' of {distilled}",
            f"lower its 'score_threshold' ({settings.score_threshold:g}), set 'classes: any', or "
            "give it other weights",
        )
    files = _files(manifest, images)
    seen = set(found.image.tolist())
    empty = [files[row] for row in chosen if row not in seen]
    if empty:
        print(f"no box in {len(empty)} of {len(chosen)} images", flush=True)
    height, width = images.images.shape[-2:]
    numbers = [number for number, _ in categories]
    content = {
        "images": [
            {"id": row, "file_name": files[row], "width": width, "height": height} for row in chosen
        ],
        "annotations": _annotations(found, numbers),
        "categories": [{"id": number, "name": name} for number, name in categories],
        "annotated": {
            "images": len(chosen),
            "left_out": len(own) - len(chosen),
            "boxes": len(found.image),
            "boxes_by_category": dict(Counter(names[one] for one in found.category.tolist())),
            "without_box": empty,
        },
        REMARKS: manifest.remarks,
    }
    write_record(output, {**content, **record(shaped, job.facts())})


def _own_categories(settings: AnnotateSettings, manifest: Manifest, names: list[str]) -> Tensor:
    """Position of the category of each class, int64 ``[C]``; -1 where it has none."""
    mapped = settings.class_map or {}
    of_classes = (mapped.get(name) for name in manifest.classes)
    return torch.tensor([-1 if name is None else names.index(name) for name in of_classes])


def _found(
    settings: AnnotateSettings,
    annotator: Path | None,
    images: DistilledSet,
    chosen: list[int],
    names: list[str],
    own: Tensor,
    job: Job,
) -> Detections:
    """The boxes that are kept; ``own`` are the categories of the images' classes."""
    detector, outputs = _detector(settings, annotator)
    categories = [names.index(name) if name in names else None for name in outputs]
    where = f"annotator '{settings.annotator}'"
    require_common_category(outputs, names, settings.scenes, where)
    pictures = PicturesOfSet(images.pictures())
    found = detections(detector.to(job.device), pictures, chosen, categories, job.device)
    kept = found.scores >= settings.score_threshold
    kept &= (found.boxes[:, 2:] - found.boxes[:, :2] >= _LEAST_SIDE).all(1)
    if settings.classes == OWN:
        kept &= found.category == own[found.image]
    return Detections(*(value[kept] for value in vars(found).values()))


def _detector(
    settings: AnnotateSettings, annotator: Path | None
) -> tuple[nn.Module, tuple[str, ...]]:
    if annotator is not None:
        return stored_detector(annotator)
    assert settings.network is not None
    return coco_detector(settings.network, settings.weights_file)


def _files(manifest: Manifest, images: DistilledSet) -> list[str]:
    """Of each image its file below the folder of an export."""
    names = picture_names(manifest.classes, images.images_per_class)
    return [f"{IMAGES}/{name}" for of_class in names for name in of_class]


def _annotations(found: Detections, numbers: list[int]) -> list[dict[str, Any]]:
    """Boxes as left, top, width and height, with the scores beside what COCO's layout has."""
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    columns = zip(
        found.image.tolist(),
        found.category.tolist(),
        torch.cat([found.boxes[:, :2], sides], 1).tolist(),
        sides.prod(1).tolist(),
        found.scores.tolist(),
        strict=True,
    )
    return [
        {
            **{"id": number, "image_id": image, "category_id": numbers[category]},
            **{"bbox": box, "area": area, "iscrowd": 0, "score": score},
        }
        for number, (image, category, box, area, score) in enumerate(columns, start=1)
    ]
