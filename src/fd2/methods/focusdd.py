"""FocusDD: mosaics of what a vision transformer looks at, with whole images beside them.

*FocusDD: Real-World Scene Infusion for Robust Dataset Distillation* (as FocusDC at CPAL 2026). Its
code is not public: what its text leaves open is a setting here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fd2.config.transformers import check_class_token
from fd2.errors import FD2Error
from fd2.image_counts import require_whole_images
from fd2.methods._interface import Selection, SelectionRequest
from fd2.methods._optimising import closed, teachers_schema
from fd2.methods._selecting import members_by_class, training_features
from fd2.runtime.seeds import torch_generator

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from fd2.matching.class_attention import WindowScores

LABEL = "FocusDD"
KIND = "selection"
SETTINGS_SCHEMA: dict[str, Any] = closed(
    {
        "teachers": teachers_schema(
            1, 1, "The plain teacher, a vision transformer, whose class token looks at the images."
        ),
        "cells": {
            "type": "integer",
            "enum": [1, 4, 9, 16],
            "description": "Crops and whole images tiled into one image.",
        },
        "key_cells": {
            "type": "integer",
            "minimum": 0,
            "maximum": 16,
            "description": "How many of them are key patches: windows cut from the real images "
            "that score highest. The others are whole images, drawn from the rest of the class "
            "by confidence.",
        },
        "score": {
            "type": "string",
            "enum": ["attention", "confidence", "random", "herding", "kmeans"],
            "description": "What key images are chosen by: confidence plus balance times the "
            "attention of the best window; confidence alone; chance; or their features.",
        },
        "balance": {
            "type": "number",
            "minimum": 0,
            "description": "Weight of attention beside confidence (α), with the score attention.",
        },
        "window": {
            "type": "string",
            "enum": ["highest", "lowest", "random"],
            "description": "Which window is cut: the one that the class token looks at most, or "
            "least, or any.",
        },
        "side_ratio": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1,
            "description": "Side of the window as a part of the image's, rounded down to whole "
            "patches, but at least one.",
        },
        "layers": {
            "type": "string",
            "enum": ["last", "ema"],
            "description": "Whose attention is looked at: the last layer's, or the moving average "
            "of factor 0.99 over those from the fourth on, as in LF-ViT's code.",
        },
        "normalised": {
            "type": "boolean",
            "description": "Whether the attention of an image's patches sums to 1.",
        },
        "reduce": {
            "type": "string",
            "enum": ["mean", "sum"],
            "description": "Attention of a window: the mean of its patches, or their sum.",
        },
        "cell_order": {
            "type": "string",
            "enum": ["drawn", "keys_first"],
            "description": "Where whole images lie in an image: drawn for each, or last.",
        },
        "image_codec": {"$ref": "#/$defs/codec"},
    }
)


def check(settings: Mapping[str, Any]) -> None:
    """Refuse more key patches than cells, or a teacher without a class token.

    Raises:
        FD2Error: names the setting.
    """
    where = "settings 'distill.methods.focusdd"
    if settings["key_cells"] > settings["cells"]:
        what = f"{settings['key_cells']} key patches in {settings['cells']} cells"
        raise FD2Error(what, f"{where}.key_cells'", f"give at most {settings['cells']}")
    check_class_token(settings["teachers"][0], f"{where}.teachers'")


def real_images_of_each(settings: Mapping[str, Any]) -> int:
    """Real images that an image is made of, none of which two images share."""
    return int(settings["cells"])


def select(request: SelectionRequest) -> Selection:
    """Key patches of the images that score highest in their class, and whole images of the rest.

    With k key cells of m, n images have the best k·n images of a class as keys, dealt at random,
    and (m − k)·n of the others, drawn without replacement with a chance proportional to their
    confidence. So each number of images per class has a set of its own, as in the paper: the images
    of IPC 1 are not the first of IPC 5.

    Raises:
        FD2Error: if a class has fewer than m·n training images, or scores are not finite.
    """
    import torch

    from fd2.augment.codec import encode
    from fd2.augment.mosaic import tiled
    from fd2.matching.class_attention import window_scores

    dataset, own, count = request.dataset, request.settings, request.images_per_class
    members_of = members_by_class(dataset)
    counts = {name: len(members) for name, members in members_of.items()}
    require_whole_images(dataset.manifest.dataset, counts, count, real_images_of_each(own))
    teacher = request.teacher
    assert teacher is not None
    scores = window_scores(
        teacher,
        dataset,
        side_ratio=own["side_ratio"],
        layers=own["layers"],
        reduce=own["reduce"],
        normalised=own["normalised"],
    )
    by_features = own["score"] in ("herding", "kmeans")
    features = training_features(request) if by_features else None
    dealt = []
    for name, members in members_of.items():
        draws = torch_generator("focusdd", request.seed, dataset.manifest.dataset, name)
        mine = None if features is None else features[members]
        keys, others = _chosen(members, scores, mine, count, own, draws)
        dealt.append(_dealt(keys, others, _windows(keys, scores, own, draws), count, own, draws))
    # By image of a class, cell and class.
    indices = torch.stack([each[0] for each in dealt], dim=2)
    corners = torch.stack([each[1] for each in dealt], dim=2)
    boxes = _boxes(corners, scores)
    images = [
        encode(tiled(dataset, *each, teacher.normaliser), teacher.normaliser, own["image_codec"])
        for each in zip(indices, boxes, strict=True)
    ]
    return Selection(torch.stack(images), _told(indices, corners, boxes, scores, own))


def _told(
    indices: Tensor, corners: Tensor, boxes: Tensor, scores: WindowScores, own: Mapping[str, Any]
) -> dict[str, Any]:
    """What each cell is made of, and why: by image of a class, cell and class."""
    top, left = corners.clamp(min=0).unbind(-1)
    attention = scores.attention[indices, top, left].numpy().astype(object)
    attention[corners[..., 0].numpy() < 0] = None
    realism = _realism(scores, own)
    return {
        **{"grid": scores.grid, "side": scores.side, "images": indices.tolist()},
        # A window begins at a row and column of patches; a whole image is told as -1, -1.
        **{"windows": corners.tolist(), "boxes": boxes.tolist()},
        "confidences": scores.log_confidence.exp()[indices].tolist(),
        "attention": attention.tolist(),
        **({} if realism is None else {"scores": realism[indices].tolist()}),
    }


def _realism(scores: WindowScores, own: Mapping[str, Any]) -> Tensor | None:
    """The score of each training image ``[N]``; None where chance or features choose."""
    if own["score"] not in ("attention", "confidence"):
        return None
    weight = own["balance"] if own["score"] == "attention" else 0.0
    return scores.log_confidence.exp() + weight * scores.highest


def _chosen(
    members: Tensor,
    scores: WindowScores,
    features: Tensor | None,
    count: int,
    own: Mapping[str, Any],
    draws: Generator,
) -> tuple[Tensor, Tensor]:
    """Key images of a class, and the whole ones beside them: positions in the training split."""
    import torch

    from fd2.matching.coresets import herding, k_means

    keys, others = own["key_cells"] * count, (own["cells"] - own["key_cells"]) * count
    log_confidence, realism = scores.log_confidence[members], _realism(scores, own)
    if own["score"] == "random" or not keys:
        best = torch.randperm(len(members), generator=draws)[:keys]
    elif realism is not None:
        best = realism[members].argsort(descending=True, stable=True)[:keys]
    else:
        assert features is not None
        by_mean = own["score"] == "herding"
        best = herding(features, keys) if by_mean else k_means(features, keys, draws)
    # The largest of log p plus Gumbel noise are draws without replacement in proportion to p, also
    # where p is too small for a float.
    uniform = torch.rand(len(members), generator=draws, dtype=torch.float64)
    noisy = log_confidence - (-uniform.log()).log()
    noisy[best] = -math.inf
    return members[best], members[noisy.argsort(descending=True, stable=True)[:others]]


def _windows(
    keys: Tensor, scores: WindowScores, own: Mapping[str, Any], draws: Generator
) -> Tensor:
    """Row and column of the first patch of each key image's window, ``[keys, 2]``."""
    import torch

    if own["window"] == "random":
        corners = scores.grid - scores.side + 1
        return torch.randint(corners, (len(keys), 2), generator=draws)
    at = scores.highest_at if own["window"] == "highest" else scores.lowest_at
    return at[keys]


def _dealt(
    keys: Tensor,
    others: Tensor,
    windows: Tensor,
    count: int,
    own: Mapping[str, Any],
    draws: Generator,
) -> tuple[Tensor, Tensor]:
    """Image ``[n, cells]`` and window ``[n, cells, 2]`` of each cell; a whole image has -1, -1."""
    import torch

    order, cut = torch.randperm(len(keys), generator=draws), own["key_cells"]
    left = own["cells"] - cut
    indices = torch.cat([keys[order].reshape(count, cut), others.reshape(count, left)], dim=1)
    whole = windows.new_full((count, left, 2), -1)
    corners = torch.cat([windows[order].reshape(count, cut, 2), whole], dim=1)
    if own["cell_order"] == "drawn":
        cells = torch.rand(indices.shape, generator=draws).argsort(1)
        indices = indices.gather(1, cells)
        corners = corners.gather(1, cells[..., None].expand_as(corners))
    return indices, corners


def _boxes(corners: Tensor, scores: WindowScores) -> Tensor:
    """Top, left, height and width of each cell's crop ``[..., 4]``, as fractions of the image."""
    import torch

    whole = corners[..., :1] < 0
    sides = torch.where(whole, scores.grid, scores.side).expand_as(corners)
    return torch.cat([corners.clamp(min=0), sides], dim=-1).float() / scores.grid
