"""Tensors that others wrote with torch.save, read without running any code of theirs."""

from __future__ import annotations

import _codecs
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy._core.multiarray import scalar
from torch import Tensor

from fd2.errors import FD2Error
from fd2.imports.source_files import SourceFiles

#: Beside tensors, plain values and containers: NumPy's numbers, which the code of DC and DSA stores
#: as accuracies beside its images. They hold bytes and run nothing.
_NUMBERS: list[Any] = [
    (scalar, "numpy.core.multiarray.scalar"),
    (scalar, "numpy._core.multiarray.scalar"),
    (_codecs.encode, "_codecs.encode"),
    np.dtype,
    *(type(np.dtype(name)) for name in ("float32", "float64", "int64")),
]
#: How far the sum of probabilities may be from 1.
_ROUNDED = 1e-3
_LEAST_PROBABILITY = 1e-12
_LONGEST_REASON = 160


@dataclass(frozen=True)
class TensorSet:
    """What files of tensors hold.

    Attributes:
        images: ``[N, K, H, W]`` as stored: uint8, or float32.
        labels: int64 ``[N]``, numbers of classes; None where images stand class by class.
        logits: float32 ``[N, classes]``, soft labels; None without.
        rate: of students, above 0; None without.
    """

    images: Tensor
    labels: Tensor | None
    logits: Tensor | None
    rate: float | None


def read_tensor_set(files: SourceFiles) -> TensorSet:
    """Read images, and labels and a rate where there are files of them.

    The images' file holds a tensor, or as in the code of DC, DSA and DM a dictionary whose ``data``
    is a list of pairs of images and labels, one of each experiment: the first is taken. Soft labels
    whose rows are probabilities become their logarithms.

    Raises:
        FD2Error: for a file that is damaged, wants to run code, or holds something else.
    """
    (image_file,) = files.images[0]
    stored = load_tensors(image_file)
    within = None
    if isinstance(stored, Mapping) and stored.get("data"):
        pair = stored["data"][0]
        if isinstance(pair, list | tuple) and len(pair) == 2:
            stored, within = pair
    images = _tensor(stored, image_file, "images [N, K, H, W]", axes=(4,))
    if images.dtype != torch.uint8:
        images = images.float()
    labels, where = (within, image_file)
    if files.labels is not None:
        labels, where = load_tensors(files.labels), files.labels
    hard, logits = (None, None) if labels is None else _labels(labels, where, len(images))
    rate = None if files.rate is None else _rate(load_tensors(files.rate), files.rate)
    return TensorSet(images, hard, logits, rate)


def load_tensors(path: Path) -> Any:
    """What torch.save wrote, if it is tensors, numbers, text and containers of these.

    Raises:
        FD2Error: for a file that is damaged, or wants to run code.
    """
    try:
        with torch.serialization.safe_globals(_NUMBERS):
            return torch.load(path, map_location="cpu", weights_only=True)
    # The unpickler's own errors share no class below this one.
    except Exception as error:
        reason = str(error).partition("WeightsUnpickler error: ")[2] or str(error)
        reason = reason.strip().partition(". Please")[0].partition("\n")[0][:_LONGEST_REASON]
        raise FD2Error(
            f"no file of plain tensors: {reason or type(error).__name__}",
            str(path),
            "save the tensors alone with torch.save; a pickle that runs code is not opened",
        ) from error


def _tensor(value: Any, path: Path, wanted: str, axes: tuple[int, ...]) -> Tensor:
    if not isinstance(value, Tensor) or value.ndim not in axes or not len(value):
        shape = f" {tuple(value.shape)}" if isinstance(value, Tensor) else ""
        what = f"{type(value).__name__}{shape} in place of {wanted}"
        raise FD2Error(what, str(path), "name the file that holds them")
    tensor = value.detach().contiguous()
    if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
        raise FD2Error("values are not finite", str(path), "get a whole copy of the set")
    return tensor


def _labels(value: Any, path: Path, count: int) -> tuple[Tensor | None, Tensor | None]:
    labels = _tensor(value, path, "labels [N] or [N, classes]", axes=(1, 2))
    if len(labels) != count:
        what = f"{len(labels)} labels for {count} images"
        raise FD2Error(what, str(path), "name the labels of these images")
    if labels.ndim == 1:
        if labels.is_floating_point() and not torch.equal(labels, labels.round()):
            raise FD2Error("labels [N] are no whole numbers", str(path), "name class numbers")
        return labels.long(), None
    rows = labels.float()
    sums = rows.sum(dim=1)
    if bool((rows >= 0).all()) and bool(((sums - 1).abs() < _ROUNDED).all()):
        rows = rows.clamp(min=_LEAST_PROBABILITY).log()
    return None, rows


def _rate(value: Any, path: Path) -> float:
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    if not isinstance(value, int | float | np.number) or not 0 < float(value) < float("inf"):
        raise FD2Error("no learning rate above 0", str(path), "name the file of the rate alone")
    return float(value)
