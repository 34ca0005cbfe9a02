"""COCO's mean average precision against a slow computation by its definition."""

from __future__ import annotations

import pytest
import torch

from fd2.detection.annotated_images import AnnotatedImages
from fd2.detection.average_precision import Detections, average_precision

THRESHOLDS = [0.5 + 0.05 * number for number in range(10)]
Found = tuple[int, int, list[float], float]


def truth(boxes: list[tuple[int, int, list[float], bool]], images: int) -> AnnotatedImages:
    corners = torch.tensor([box for _, _, box, _ in boxes], dtype=torch.float64)
    sides = corners[:, 2:] - corners[:, :2]
    return AnnotatedImages(
        categories=((3, "a"), (7, "b"), (9, "never")),
        names=tuple(f"{number}.png" for number in range(images)),
        sizes=torch.full((images, 2), 100),
        image=torch.tensor([image for image, _, _, _ in boxes]),
        category=torch.tensor([category for _, category, _, _ in boxes]),
        boxes=torch.cat([corners[:, :2], sides], 1),
        areas=sides.prod(1),
        crowd=torch.tensor([crowd for _, _, _, crowd in boxes]),
    )


def detections(found: list[Found]) -> Detections:
    return Detections(
        torch.tensor([image for image, _, _, _ in found], dtype=torch.int64),
        torch.tensor([box for _, _, box, _ in found]).reshape(-1, 4),
        torch.tensor([category for _, category, _, _ in found], dtype=torch.int64),
        torch.tensor([score for _, _, _, score in found]),
    )


def overlap(one: list[float], other: list[float], crowd: bool) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    inside = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return inside / (areas[0] if crowd else sum(areas) - inside)


def slow(
    boxes: list[tuple[int, int, list[float], bool]], found: list[Found], category: int, at: float
) -> float:
    """Average precision of a category at a threshold, box by box."""
    own = [box for box in boxes if box[1] == category]
    taken: set[int] = set()
    right = []
    for image, _, box, _ in sorted((f for f in found if f[1] == category), key=lambda f: -f[3]):
        near = [
            (overlap(box, real, crowd), not crowd, number)
            for number, (where, _, real, crowd) in enumerate(own)
            if where == image and (crowd or number not in taken)
        ]
        # A crowd is taken only where no single object is.
        singles = [one for one in near if one[1] and one[0] >= at]
        if singles:
            taken.add(max(singles)[2])
            right.append(True)
        elif not any(one[0] >= at for one in near):
            right.append(False)
    count = sum(not crowd for *_, crowd in own)
    precisions = []
    for step in range(101):
        reached = [
            sum(right[: number + 1]) / (number + 1)
            for number in range(len(right))
            if sum(right[: number + 1]) / count >= step / 100 - 1e-12
        ]
        precisions.append(max(reached, default=0.0))
    return sum(precisions) / 101


def test_against_a_slow_loop_with_crowds_doubles_and_misses() -> None:
    boxes = [
        *((0, 0, [10.0, 10, 50, 50], False), (0, 0, [60.0, 60, 90, 90], False)),
        *((1, 0, [0.0, 0, 40, 40], False), (1, 1, [20.0, 20, 80, 80], False)),
        *((2, 1, [5.0, 5, 25, 45], False), (2, 0, [0.0, 50, 100, 100], True)),
    ]
    found: list[Found] = [
        # Near, a double of it, far off, in the crowd, of the wrong category, in an empty image.
        *((0, 0, [12.0, 11, 52, 49], 0.9), (0, 0, [10.0, 12, 50, 50], 0.8)),
        *((0, 0, [0.0, 60, 20, 90], 0.75), (2, 0, [10.0, 60, 30, 90], 0.7)),
        *((1, 1, [0.0, 0, 40, 40], 0.65), (1, 1, [22.0, 18, 84, 80], 0.6)),
        *((3, 0, [10.0, 10, 20, 20], 0.5), (2, 1, [5.0, 5, 30, 45], 0.4)),
        *((1, 0, [3.0, 2, 47, 40], 0.3), (0, 0, [62.0, 60, 90, 97], 0.2)),
    ]
    result = average_precision(truth(boxes, 4), detections(found))
    wanted = [[100 * slow(boxes, found, category, at) for at in THRESHOLDS] for category in (0, 1)]
    a, b, never = result["categories"]
    for own, at in zip((a, b), wanted, strict=True):
        assert own["map"] == pytest.approx(sum(at) / 10, abs=1e-9)
        assert own["map50"] == pytest.approx(at[0], abs=1e-9)
    assert never == {"name": "never", "boxes": 0, "map": None, "map50": None}
    assert (a["boxes"], b["boxes"]) == (3, 2)
    assert result["map"] == pytest.approx((a["map"] + b["map"]) / 2, abs=1e-9)
    assert result["map50"] == pytest.approx((a["map50"] + b["map50"]) / 2, abs=1e-9)
    assert 0 < result["map"] < result["map50"] < 100


def test_all_found_and_nothing_found() -> None:
    boxes = [(0, 0, [10.0, 10, 50, 50], False), (1, 1, [0.0, 0, 40, 40], False)]
    exact: list[Found] = [(image, category, box, 0.9) for image, category, box, _ in boxes]
    assert average_precision(truth(boxes, 2), detections(exact))["map"] == pytest.approx(100)
    nothing = average_precision(truth(boxes, 2), detections([]))
    assert (nothing["map"], nothing["map50"]) == (0, 0)
