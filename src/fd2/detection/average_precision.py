"""Mean average precision as COCO defines it, computed by COCO's own code, pycocotools.

Lin et al., *Microsoft COCO: Common Objects in Context*, ECCV 2014; https://cocodataset.org/
#detection-eval: precision at 101 recalls, averaged over the thresholds 0.5, 0.55, ..., 0.95 of
intersection over union, at most 100 boxes an image, all areas.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

from fd2.detection.annotated_images import AnnotatedImages

#: Axes of the precisions: thresholds, recalls, categories, areas, boxes an image.
_ALL_AREAS, _MOST_BOXES, _AT_HALF = 0, -1, 0


@dataclass(frozen=True)
class Detections:
    """K boxes that a detector found, on the CPU.

    Attributes:
        image: int64 ``[K]``, position of the image.
        boxes: float32 ``[K, 4]``, left, top, right and bottom in pixels of the image.
        category: int64 ``[K]``, position of the category.
        scores: float32 ``[K]``, from 0 to 1.
    """

    image: Tensor
    boxes: Tensor
    category: Tensor
    scores: Tensor


def average_precision(truth: AnnotatedImages, found: Detections) -> dict[str, Any]:
    """Mean average precision in percent.

    Args:
        truth: all images that were looked at.
        found: of these images.

    Returns:
        ``map``, the mean over all thresholds, and ``map50``, at 0.5, each the mean over the
        categories with a box that is no crowd; and ``categories``: of each its ``name``, ``boxes``
        that are no crowd, ``map`` and ``map50``, None without such a box.
    """
    real = _annotations(truth.image, truth.category, truth.boxes)
    for one, area, crowd in zip(real, truth.areas.tolist(), truth.crowd.tolist(), strict=True):
        one |= {"area": area, "iscrowd": int(crowd)}
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    boxes = found.boxes.new_empty(found.boxes.shape)
    boxes[:, :2], boxes[:, 2:] = found.boxes[:, :2], sides
    seen = _annotations(found.image, found.category, boxes)
    areas = sides.prod(1).tolist()
    for one, area, score in zip(seen, areas, found.scores.tolist(), strict=True):
        one |= {"area": area, "iscrowd": 0, "score": score}
    # It tells of its progress.
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(_indexed(truth, real), _indexed(truth, seen), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, _ALL_AREAS, _MOST_BOXES]
    # -1 where a category has no box.
    known = precision[0, 0] > -1
    by_category = [100 * precision.mean((0, 1)), 100 * precision[_AT_HALF].mean(0)]
    counts = truth.category[~truth.crowd].bincount(minlength=len(truth.categories)).tolist()
    of_each = [
        {
            "name": name,
            "boxes": count,
            "map": float(by_category[0][position]) if known[position] else None,
            "map50": float(by_category[1][position]) if known[position] else None,
        }
        for position, ((_, name), count) in enumerate(zip(truth.categories, counts, strict=True))
    ]
    means = [float(np.mean(values[known])) for values in by_category]
    return {"map": means[0], "map50": means[1], "categories": of_each}


def _annotations(image: Tensor, category: Tensor, boxes: Tensor) -> list[dict[str, Any]]:
    """Numbers from 1: pycocotools takes a box of number 0 for one that nobody found."""
    columns = zip(image.tolist(), category.tolist(), boxes.tolist(), strict=True)
    return [
        {"id": number, "image_id": where, "category_id": what, "bbox": box}
        for number, (where, what, box) in enumerate(columns, start=1)
    ]


def _indexed(truth: AnnotatedImages, annotations: list[dict[str, Any]]) -> COCO:
    """Images and categories are numbered by position."""
    indexed = COCO()
    indexed.dataset = {
        "images": [{"id": position} for position in range(len(truth.names))],
        "categories": [{"id": position} for position in range(len(truth.categories))],
        "annotations": annotations,
    }
    indexed.createIndex()
    return indexed
