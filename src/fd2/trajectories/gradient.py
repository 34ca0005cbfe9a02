"""The gradient of a trajectory's distance by images, labels and learning rate, in three ways.

A student starts at an expert's parameters and takes N steps of plain SGD on synthetic images. How
its end depends on the images goes through all of these steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fd2.augment.differentiable import Augmentations
from fd2.errors import FD2Error, suggest
from fd2.trajectories.distance import TrajectoryDistance
from fd2.trajectories.flat_network import FlatNetwork

#: ``graph`` keeps all steps as autograd does. ``sweep`` keeps their parameter vectors and goes back
#: step by step: the same gradient in the memory of one step. ``tesla`` leaves out how later steps
#: depend on earlier ones.
MEMORY = ("graph", "sweep", "tesla")


@dataclass(frozen=True)
class InnerBatch:
    """What a step of the student sees.

    Attributes:
        rows: positions of its images ``[b]``, each at most once.
        record: an operation for each of them; None for no augmentation.
    """

    rows: Tensor
    record: Augmentations | None = None

    def seen(self, images: Tensor) -> Tensor:
        """Its images ``[b, C, H, W]``, augmented."""
        return images if self.record is None else self.record.apply(images)

    def pieces(self, images_at_once: int | None) -> list[tuple[InnerBatch, float]]:
        """Itself in pieces of at most so many images, each with its share; None for one piece."""
        count = len(self.rows)
        size = images_at_once or count
        found = []
        for some in (slice(at, at + size) for at in range(0, count, size)):
            record = None if self.record is None else self.record[some]
            rows = self.rows[some]
            found.append((InnerBatch(rows, record), len(rows) / count))
        return found


@dataclass(frozen=True)
class SyntheticSet:
    """What is learned.

    Attributes:
        images: ``[n, C, H, W]``, normalised.
        labels: logits ``[n, classes]``, or class ids ``[n]``, which are not learned.
        rate: the learning rate of the student's steps, a scalar.
    """

    images: Tensor
    labels: Tensor
    rate: Tensor


@dataclass(frozen=True)
class TrajectoryGradient:
    """A distance, and its gradients, shaped as in `SyntheticSet`.

    Attributes:
        labels: None for class ids.
    """

    distance: Tensor
    images: Tensor
    labels: Tensor | None
    rate: Tensor


def trajectory_gradient(
    network: FlatNetwork,
    synthetic: SyntheticSet,
    distance: TrajectoryDistance,
    batches: Sequence[InnerBatch],
    memory: str = "sweep",
    images_at_once: int | None = None,
) -> TrajectoryGradient:
    """The distance after a step on each batch, and its gradients.

    Args:
        network: of which the expert's parameters are.
        synthetic: no gradient of it has to be asked for.
        distance: its ``start`` is where the student starts.
        batches: one for each step, N in all.
        memory: one of `MEMORY`.
        images_at_once: of a batch, passed through the network together; None for all. The same to
            rounding, as the network sees each image alone. Only ``graph`` keeps all of them.

    Raises:
        FD2Error: for another ``memory``.
    """
    if memory not in MEMORY:
        raise FD2Error(f"unknown memory '{memory}'", "memory", suggest(memory, MEMORY))
    if memory == "graph":
        return _through_graph(network, synthetic, distance, batches, images_at_once)
    exact = memory == "sweep"
    return _backwards(network, synthetic, distance, batches, images_at_once, exact=exact)


def student_loss(network: FlatNetwork, vector: Tensor, seen: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of a student on a batch; differentiable.

    Args:
        network: of the student.
        vector: its parameters ``[P]``.
        seen: ``[b, C, H, W]``, augmented.
        labels: class ids ``[b]``, or logits ``[b, classes]``, whose softmax counts.
    """
    targets = labels.softmax(dim=1) if labels.is_floating_point() else labels
    return cross_entropy(network.logits(vector, seen), targets)


def _through_graph(
    network: FlatNetwork,
    synthetic: SyntheticSet,
    distance: TrajectoryDistance,
    batches: Sequence[InnerBatch],
    images_at_once: int | None,
) -> TrajectoryGradient:
    """Autograd through all steps, as the public code of MTT and DATM."""
    images = synthetic.images.detach().requires_grad_()
    learned = synthetic.labels.is_floating_point()
    labels = synthetic.labels.detach().requires_grad_(learned)
    rate = synthetic.rate.detach().requires_grad_()
    vector = distance.start.detach().requires_grad_()
    for batch in batches:
        slope = torch.zeros_like(vector)
        for piece, share in batch.pieces(images_at_once):
            seen = piece.seen(images[piece.rows])
            loss = share * student_loss(network, vector, seen, labels[piece.rows])
            slope = slope + torch.autograd.grad(loss, vector, create_graph=True)[0]
        vector = vector - rate * slope
    found = distance(vector)
    wanted = [images, rate, *([labels] if learned else [])]
    gradients = torch.autograd.grad(found, wanted)
    of_labels = gradients[2] if learned else None
    return TrajectoryGradient(found.detach(), gradients[0], of_labels, gradients[1])


def _backwards(
    network: FlatNetwork,
    synthetic: SyntheticSet,
    distance: TrajectoryDistance,
    batches: Sequence[InnerBatch],
    images_at_once: int | None,
    *,
    exact: bool,
) -> TrajectoryGradient:
    """All steps without a graph, then back over their parameter vectors.

    With λ the gradient of the distance by the parameters after a step θ' = θ - η g, the step adds
    -η ∇⟨g, λ⟩ to the gradients by its images and labels and to λ itself, and -⟨g, λ⟩ to that by η.
    """
    images, labels = synthetic.images.detach(), synthetic.labels.detach()
    rate = synthetic.rate.detach()
    learned = labels.is_floating_point()
    vectors = [distance.start.detach()]
    for batch in batches:
        leaf = vectors[-1].detach().requires_grad_()
        slope = torch.zeros_like(leaf)
        for piece, share in batch.pieces(images_at_once):
            seen = piece.seen(images[piece.rows])
            loss = share * student_loss(network, leaf, seen, labels[piece.rows])
            slope += torch.autograd.grad(loss, leaf)[0]
        vectors.append(vectors[-1] - rate * slope)
    end = vectors.pop().requires_grad_()
    found = distance(end)
    (costate,) = torch.autograd.grad(found, end)

    of_images, of_rate = torch.zeros_like(images), torch.zeros_like(rate)
    of_labels = torch.zeros_like(labels) if learned else None
    for batch, vector in zip(reversed(batches), reversed(vectors), strict=True):
        leaf, before = vector.requires_grad_(), costate
        for piece, share in batch.pieces(images_at_once):
            pixels = images[piece.rows].requires_grad_()
            target = labels[piece.rows].requires_grad_(learned)
            loss = share * student_loss(network, leaf, piece.seen(pixels), target)
            (slope,) = torch.autograd.grad(loss, leaf, create_graph=True)
            wanted = [pixels, *([target] if learned else []), *([leaf] if exact else [])]
            gradients = torch.autograd.grad(slope, wanted, -rate * costate)
            of_rate -= slope.detach() @ costate
            of_images.index_add_(0, piece.rows, gradients[0])
            if of_labels is not None:
                of_labels.index_add_(0, piece.rows, gradients[1])
            if exact:
                before = before + gradients[-1]
        costate = before
    return TrajectoryGradient(found.detach(), of_images, of_labels, of_rate)
