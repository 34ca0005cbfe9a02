"""What a vision transformer's class token looks at in each training image, window by window.

Source: FocusDD, whose code is not public; the mean over layers is that of LF-ViT, its transformer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fd2.artifacts.prepared import PreparedDataset
from fd2.errors import FD2Error
from fd2.networks.stored_teacher import LoadedTeacher
from fd2.networks.vision_transformer import VisionTransformerNetwork
from fd2.runtime.progress import Progress

_BATCH = 256
#: Of the moving average over layers: its factor, and the first layer that it takes, from 1.
_KEPT, _FIRST = 0.99, 4
#: A share of patches that is a whole number but for rounding, as 0.29 of 100.
_SLACK = 1e-9


@dataclass(frozen=True)
class WindowScores:
    """What a transformer says of each training image, N in all.

    Attributes:
        grid: n, patches along and across an image.
        side: r, those of a window.
        log_confidence: logarithm of the probability of the image's own class, float64 ``[N]``.
        attention: of every window, by row and column of its first patch, float64 ``[N, n - r + 1,
            n - r + 1]``.
    """

    grid: int
    side: int
    log_confidence: Tensor
    attention: Tensor

    @property
    def highest(self) -> Tensor:
        """Attention of the window that the class token looks at most, float64 ``[N]``."""
        return self.attention.flatten(1).amax(1)

    @property
    def highest_at(self) -> Tensor:
        """Row and column of its first patch, int64 ``[N, 2]``."""
        return self._corners(self.attention.flatten(1).argmax(1))

    @property
    def lowest_at(self) -> Tensor:
        """Likewise of the window that it looks at least."""
        return self._corners(self.attention.flatten(1).argmin(1))

    def _corners(self, numbers: Tensor) -> Tensor:
        across = self.attention.shape[-1]
        return torch.stack([numbers // across, numbers % across], dim=1)


def window_scores(
    teacher: LoadedTeacher,
    dataset: PreparedDataset,
    *,
    side_ratio: float,
    layers: str,
    reduce: str,
    normalised: bool,
) -> WindowScores:
    """Look at all training images, batch by batch on the teacher's device.

    Args:
        teacher: with a vision transformer.
        dataset: the images.
        side_ratio: of a window to the image.
        layers: see `attention_of`.
        reduce: ``mean`` over the patches of a window, or their ``sum``.
        normalised: see `attention_of`.

    Raises:
        FD2Error: if the teacher is none with a class token, or a score is not finite.
    """
    network = teacher.network.backbone
    if not isinstance(network, VisionTransformerNetwork):
        what = f"teacher '{teacher.metadata['backbone']}' has no class token"
        raise FD2Error(what, "scores of images by attention", "take a vision transformer")
    device = next(network.parameters()).device
    side = window_side(network.grid, side_ratio)
    found: list[tuple[Tensor, ...]] = []
    batches = torch.arange(len(dataset.train.labels)).split(_BATCH)
    for number in Progress(len(batches), "look at images", unit="batch"):
        ids = batches[number]
        images = teacher.normaliser.normalise(dataset.train.batch(ids, device))
        labels = dataset.train.labels[ids].to(device)
        with torch.no_grad():
            tokens, attention = network.attend(images)
            logits = network.classify(tokens).double().log_softmax(1)
            windows = window_sums(attention_of(attention.double(), layers, normalised), side)
        found.append((logits.gather(1, labels[:, None])[:, 0], windows))
    confidence, sums = (torch.cat(each).cpu() for each in zip(*found, strict=True))
    if not (confidence.isfinite().all() and sums.isfinite().all()):
        raise FD2Error(
            "scores of images are not finite",
            f"teacher {teacher.metadata['backbone']}",
            "train it again with a lower 'pretrain.learning_rate'",
        )
    attention = sums / side**2 if reduce == "mean" else sums
    return WindowScores(network.grid, side, confidence, attention)


def window_side(grid: int, ratio: float) -> int:
    """Patches r of a window's side: the part of n, rounded down, but at least one."""
    return max(1, math.floor(ratio * grid + _SLACK))


def attention_of(attention: Tensor, layers: str, normalised: bool) -> Tensor:
    """One map of each image: the mean over heads of some layers.

    Args:
        attention: ``[B, L, heads, n, n]``.
        layers: ``last``; or ``ema``, the moving average ``a <- 0.99 a + 0.01 layer`` from 0 over
            the fourth layer to the last, or over the last alone where there are fewer.
        normalised: whether each map is divided by its sum, which leaves out what the class token
            pays to tokens that are no patches, and how much an average weighs in all.

    Returns:
        ``[B, n, n]``.
    """
    of_layers = attention.mean(2)
    depth = of_layers.shape[1]
    if layers == "last":
        maps = of_layers[:, -1]
    else:
        first = min(_FIRST, depth) - 1
        ages = torch.arange(depth - first - 1, -1, -1, device=attention.device)
        weights = (1 - _KEPT) * _KEPT ** ages.to(attention.dtype)
        maps = (of_layers[:, first:] * weights[:, None, None]).sum(1)
    return maps / maps.sum((1, 2), keepdim=True) if normalised else maps


def window_sums(maps: Tensor, side: int) -> Tensor:
    """Sums over all windows of a side, ``[B, n, n]`` to ``[B, n - r + 1, n - r + 1]``.

    Raises:
        FD2Error: if the window is larger than the maps.
    """
    if side > maps.shape[-1]:
        raise FD2Error(
            f"a window of {side} patches in a map of {maps.shape[-1]}",
            "windows of attention",
            "give a smaller window",
        )
    return functional.avg_pool2d(maps[:, None], side, stride=1)[:, 0] * side**2
