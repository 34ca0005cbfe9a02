"""What a network answers on test images, and its accuracy: counted, class-balanced, averaged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from fd2.errors import FD2Error


def predicted_classes(batches: Iterable[Tensor], network: str) -> Tensor:
    """The class ids ``[N]`` of the largest logits, on the CPU, from logits ``[B, C]`` by batch.

    ``network`` is for the error.

    Raises:
        FD2Error: if a logit is not finite: the largest of such is no answer.
    """
    answers, finite = [], []
    for logits in batches:
        answers.append(logits.argmax(1))
        finite.append(logits.isfinite().all())
    if not torch.stack(finite).all():
        raise FD2Error(
            "logits of test images are not finite: the network diverged",
            network,
            "lower the learning rate of its training",
        )
    return torch.cat(answers).cpu()


def accuracies(predictions: Tensor, labels: Tensor) -> dict[str, float]:
    """Top-1 and class-balanced top-1 in percent, of class ids ``[N]`` predicted and true.

    The balanced figure is the mean over the classes that occur.
    """
    correct = (predictions == labels).double()
    counts = torch.bincount(labels).double()
    hits = torch.zeros_like(counts).index_add_(0, labels, correct)
    present = counts > 0
    return {
        "top1": 100 * correct.mean().item(),
        "balanced_top1": 100 * (hits[present] / counts[present]).mean().item(),
    }


def running_average_top1(predictions: Tensor, labels: Tensor, batch_size: int) -> float:
    """The release's figure: the mean over batches of the accuracy accumulated so far, in percent.

    Class ids ``[N]`` are in loading order, batches those of the release's test loader. The figure
    equals the accuracy only by chance; with test images sorted by class the early classes weigh
    more.
    """
    correct = (predictions == labels).double()
    ends = torch.arange(batch_size, len(labels) + batch_size, batch_size).clamp(max=len(labels))
    cumulative = correct.cumsum(0)[ends - 1] / ends
    return 100 * cumulative.mean().item()


def correct_images(predictions: Tensor, labels: Tensor, classes: Sequence[str]) -> dict[str, str]:
    """A digit an image, 1 if it is right, so that students can be compared image by image.

    Class ids are ``[N]``. The digits are by name of the class, for the classes that occur, with
    images in the order given.
    """
    digits = (predictions == labels).byte() + ord("0")
    return {
        name: digits[mine].numpy().tobytes().decode("ascii")
        for number, name in enumerate(classes)
        if (mine := labels == number).any()
    }


def mistaken_images(predictions: Tensor, labels: Tensor, classes: Sequence[str]) -> dict[str, str]:
    """What each image that is not right is taken for, so that look-alikes can be told.

    The zeros of `correct_images` in their order: ids of the classes answered, separated by blanks.
    """
    wrong = predictions != labels
    return {
        name: " ".join(map(str, predictions[mine & wrong].tolist()))
        for number, name in enumerate(classes)
        if (mine := labels == number).any()
    }
