"""Float64 teachers, and the loss of a distillation step written out formula by formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from fd2.augment.normalise import Normaliser
from fd2.engine.group import Group, Slot
from fd2.engine.terms import TeacherTerms
from fd2.methods._interface import Recipe
from fd2.networks.stored_teacher import LoadedTeacher, build_teacher
from fd2.networks.teacher import Teacher

CLASSES = 3


def double_teacher(seed: int, attention_maps: int, cal_ratio: float) -> LoadedTeacher:
    """A frozen float64 teacher with random weights, running statistics and prototypes."""
    network = build_teacher(
        "shufflenet_v2", CLASSES, attention_maps, initialisation="scratch", seed=seed
    ).double()
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            shape = module.running_mean.shape
            module.running_mean.copy_(0.2 * torch.randn(shape, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(shape, generator=generator))
    network.prototypes.copy_(torch.randn(network.prototypes.shape, generator=generator))
    # Attention that is zero everywhere has a feature without direction.
    nn.init.constant_(network.cal.attentions.bn.bias, 2.0)
    normaliser = Normaliser((0.5, 0.5, 0.5), (0.25, 0.2, 0.3))
    return LoadedTeacher(network.freeze(), normaliser, {"cal_ratio": cal_ratio})


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    rows = [row.exp().sum().log() - row[y] for row, y in zip(logits, labels, strict=True)]
    return sum(rows) / len(rows)


def distance(a: Tensor, b: Tensor) -> Tensor:
    """The normalised distance of FD² eq. 9."""
    gap = (a - b).square().sum().sqrt()
    return gap / (a.square().sum().sqrt() + b.square().sum().sqrt() + 1e-6)


def pooled(features: Tensor, attention: Tensor) -> Tensor:
    """Bilinear attention pooling of one image: signed square root, then unit length."""
    parts = [(one * features).mean(dim=(1, 2)) for one in attention]
    raw = torch.cat(parts)
    rooted = raw.sign() * (raw.abs() + 1e-6).sqrt()
    return rooted / rooted.square().sum().sqrt()


def forward(network: Teacher, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """z, p, f and A, image by image after the feature map."""
    maps = network.backbone.extractor(images)
    z = network.backbone.head(maps.mean(dim=(2, 3)))
    conv, norm = network.cal.attentions.conv, network.cal.attentions.bn
    raw = torch.einsum("bdhw,md->bmhw", maps, conv.weight[:, :, 0, 0])
    scale = (norm.running_var + 1e-3).rsqrt() * norm.weight
    shift = norm.bias - norm.running_mean * scale
    attention = (raw * scale[:, None, None] + shift[:, None, None]).clamp(min=0)
    f = torch.stack([pooled(*pair) for pair in zip(maps, attention, strict=True)])
    return z, 100 * f @ network.cal.fc.weight.T, f, attention


def batch_norm_loss(seen: Sequence[tuple[nn.BatchNorm2d, Tensor]], first: float) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for position, (layer, inputs) in enumerate(seen):
        columns = inputs.transpose(0, 1).flatten(1)
        means = columns.sum(1) / columns.shape[1]
        variances = (columns - means[:, None]).square().sum(1) / columns.shape[1]
        norms = (layer.running_var - variances).square().sum().sqrt()
        norms = norms + (layer.running_mean - means).square().sum().sqrt()
        total = total + (first if position == 0 else 1.0) * norms
    return total


def step_loss(
    teacher: LoadedTeacher,
    images: Tensor,
    labels: Tensor,
    earlier: Tensor,
    *,
    ratio: float,
    batch_norm: tuple[float, float],
    characteristic: tuple[float, float] = (0.0, 0.5),
    similarity: float = 0.0,
) -> Tensor:
    """FD² eq. 12 with loops over images, classes, layers and earlier maps.

    Args:
        teacher: in float64.
        images: what the teacher sees.
        labels: class of each image.
        earlier: maps ``[K, B, M, h, w]`` as they are to be compared.
        ratio: of the attention head.
        batch_norm: weight of the term and factor of the first layer.
        characteristic: weight and alpha; prototypes are compared at unit length.
        similarity: weight.
    """
    network = teacher.network
    seen: list[tuple[nn.BatchNorm2d, Tensor]] = []
    layers = [m for m in network.backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    hooks = [m.register_forward_pre_hook(lambda m, x: seen.append((m, x[0]))) for m in layers]
    z, p, f, attention = forward(network, images)
    for hook in hooks:
        hook.remove()
    if ratio:
        maps = network.backbone.extractor(images)
        seen.append((network.cal.attentions.bn, network.cal.attentions.conv(maps)))
    weight, first = batch_norm
    loss = weight * batch_norm_loss(seen, first)
    loss = loss + (1 - ratio) * cross_entropy(z, labels) + ratio * cross_entropy(p, labels)
    if characteristic[0] == 0 and similarity == 0:
        return loss
    prototypes = [row / row.square().sum().sqrt() for row in network.prototypes]
    own, others = [], []
    for feature, y in zip(f, labels.tolist(), strict=True):
        own.append(distance(feature, prototypes[y]))
        apart = [distance(feature, c) for k, c in enumerate(prototypes) if k != y]
        others.append(sum(apart) / len(apart))
    pull, alpha = characteristic
    loss = loss + pull * sum(
        (alpha * a + (1 - alpha) * (1 - b)) / len(own) for a, b in zip(own, others, strict=True)
    )
    if len(earlier):
        gaps = [
            distance(slot[i].flatten(), attention[i].flatten())
            for slot in earlier
            for i in range(len(images))
        ]
        loss = loss + similarity * (1 - sum(gaps) / len(gaps))
    return loss


def slot_of(
    recipe: Recipe,
    terms: Sequence[TeacherTerms],
    patches: Tensor,
    labels: Tensor,
    earlier: Tensor | None = None,
) -> Slot:
    """A slot whose maps of earlier whole images are ``earlier`` for every teacher."""
    names = [str(position) for position in range(len(labels))]
    normaliser = terms[0].teacher.normaliser
    group = Group(recipe, terms, normaliser, names, ("test",), patches.device)
    maps = torch.empty(0) if earlier is None else earlier
    of_teachers = [{"whole": maps} for _ in terms]
    seeding = ("test", "slot", 1)
    return Slot(group, seeding, names, "slot of the test", labels, patches, of_teachers)


@pytest.fixture
def make_slot() -> Callable[..., Slot]:
    return slot_of


@pytest.fixture
def make_teacher() -> Callable[..., LoadedTeacher]:
    return double_teacher


@pytest.fixture
def slow_loss() -> Callable[..., Tensor]:
    return step_loss
