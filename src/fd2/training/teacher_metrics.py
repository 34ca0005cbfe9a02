"""Both heads of a teacher on the test images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from fd2.augment.boxes import attention_boxes
from fd2.augment.normalise import Normaliser
from fd2.augment.views import crops_only
from fd2.networks.teacher import Teacher
from fd2.training.accuracy import accuracies, predicted_classes, running_average_top1

#: Test images of a batch; accuracies do not depend on it.
TEST_BATCH = 128
_TEST_THRESHOLD = 0.1
_TEST_PADDING = 0.05
#: Test images of a batch of the release, on which its running average depends.
_RELEASE_BATCH = 32


@torch.no_grad()
def predict(
    teacher: Teacher,
    batches: Iterable[Tensor],
    normaliser: Normaliser,
    attention_box: str,
    where: str = "the teacher",
) -> tuple[Tensor, Tensor | None]:
    """Class ids ``[N]`` on the CPU that each head predicts; None without attention head.

    Batches are uint8 ``[B, K, H, W]`` on the teacher's device, N images in all. The attention
    head's logits are the mean over the image and its attention crop (mean map, threshold 0.1 of its
    maximum, padding 0.05; see `attention_boxes` for the rule of its box), as CAL is tested. The
    teacher's mode is restored. ``where`` is for the error.

    Raises:
        FD2Error: if a logit is not finite.
    """
    training = teacher.training
    teacher.eval()
    backbone, cal = [], []
    for chunk in batches:
        normalised = normaliser.normalise(chunk)
        output = teacher(normalised)
        backbone.append(output.backbone_logits)
        if output.cal_logits is not None:
            maps = output.attention.mean(1)
            levels = maps.new_full((len(maps),), _TEST_THRESHOLD)
            boxes = attention_boxes(
                maps, levels, chunk.shape[-1], _TEST_PADDING, rule=attention_box
            )
            crops = crops_only(boxes).apply(normalised, chunk.shape[-1])
            cal.append((output.cal_logits + teacher(crops).cal_logits) / 2)
    teacher.train(training)
    answers = predicted_classes(backbone, where)
    return answers, predicted_classes(cal, where) if cal else None


def teacher_metrics(
    teacher: Teacher,
    batches: Iterable[Tensor],
    labels: Tensor,
    normaliser: Normaliser,
    accuracy: str,
    attention_box: str,
    where: str = "the teacher",
) -> dict[str, Any]:
    """Metrics of both heads in percent: ``{"backbone": {...}, "cal": {...} or None}``.

    Batches and ``attention_box`` as for `predict`, labels ``[N]`` on the CPU; ``accuracy`` is
    ``exact``, or ``running_average`` for the release's top-1. Raises as `predict`.
    """
    answers = predict(teacher, batches, normaliser, attention_box, where)
    heads = dict(zip(("backbone", "cal"), answers, strict=True))
    metrics: dict[str, Any] = {}
    for head, predictions in heads.items():
        if predictions is None:
            metrics[head] = None
            continue
        metrics[head] = accuracies(predictions, labels)
        if accuracy == "running_average":
            metrics[head]["top1"] = running_average_top1(predictions, labels, _RELEASE_BATCH)
    return metrics
