"""A teacher: a backbone, with or without an attention head and prototypes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from fd2.errors import FD2Error
from fd2.networks.backbone import Backbone
from fd2.networks.cal import CounterfactualAttention
from fd2.networks.stem_gradient import freeze_stem


class TeacherOutput(NamedTuple):
    """Backbone logits z [B, C], feature map F [B, D, h, w]; p [B, C], f [B, M*D], A [B, M, h, w].

    The last three are None for a teacher without attention head.
    """

    backbone_logits: Tensor
    features: Tensor
    cal_logits: Tensor | None
    cal_feature: Tensor | None
    attention: Tensor | None


class Teacher(nn.Module):
    """A backbone with an optional attention head; with one, also class prototypes [C, P]."""

    prototypes: Tensor

    def __init__(self, backbone: Backbone, cal: CounterfactualAttention | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.cal = cal
        if cal is not None:
            self.register_buffer("prototypes", torch.zeros_like(cal.fc.weight.detach()))

    def forward(self, images: Tensor) -> TeacherOutput:
        """Images [B, K, H, W], normalised, to the outputs of both heads."""
        return self.heads(self.backbone.features(images))

    def heads(self, features: Tensor) -> TeacherOutput:
        """Feature map [B, D, h, w] to the outputs of both heads."""
        backbone_logits = self.backbone.classify(features)
        if self.cal is None:
            return TeacherOutput(backbone_logits, features, None, None, None)
        return TeacherOutput(backbone_logits, features, *self.cal(features))

    def batch_norms(self) -> list[nn.BatchNorm2d]:
        """The backbone's batch-norm layers in forward order."""
        return self.backbone.batch_norms()

    def cal_batch_norms(self) -> list[nn.BatchNorm2d]:
        """The attention head's batch-norm layers; none without attention head."""
        return [] if self.cal is None else [self.cal.attentions.bn]

    def freeze(self) -> Self:
        """Set evaluation mode, take all parameters out of differentiation; returns itself.

        Gradients with respect to images are then computed by `fd2.networks.stem_gradient`.
        """
        freeze_stem(self.backbone)
        return self.eval().requires_grad_(False)


def recalibrate_batch_norm(teacher: Teacher, batches: Iterable[Tensor]) -> None:
    """Replace running statistics by their exact averages over ``batches``.

    The batches are normalised images [B, K, H, W] on the teacher's device; each counts the same,
    whatever its size. Only batch-norm layers run in training mode, so dropout is off. Modes and
    momenta are as before afterwards.

    Raises:
        FD2Error: if there is no batch; the statistics are then unchanged.
    """
    remaining = iter(batches)
    first = next(remaining, None)
    if first is None:
        raise FD2Error(
            "no batch to compute batch-norm statistics from",
            "recalibration of a teacher",
            "give at least one batch of training images",
        )
    with torch.no_grad(), _cumulative_batch_norm(teacher):
        for images in chain([first], remaining):
            teacher(images)


@contextmanager
def _cumulative_batch_norm(teacher: Teacher) -> Iterator[None]:
    modes = [(module, module.training) for module in teacher.modules()]
    layers = [*teacher.batch_norms(), *teacher.cal_batch_norms()]
    momenta = [layer.momentum for layer in layers]
    teacher.eval()
    for layer in layers:
        layer.train()
        layer.reset_running_stats()
        layer.momentum = None
    try:
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for module, mode in modes:
            module.training = mode
