"""A set as DD-Ranking reads it: tensors in files of ``torch.save``, normalised as its test images.

Source: ddranking 0.2.0, ``utils/data.py`` (statistics and classes of its datasets) and the page of
the package (``images.pt``, ``labels.pt``, ``lr.pt``).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from fd2.artifacts.images import DistilledSet

FOLDER = "ddranking"
_CIFAR = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Known:
    """A dataset that DD-Ranking has.

    Attributes:
        name: its name there.
        mean, std: what its test images are normalised with.
        classes: for each class there, the index of the class here; None for the same order.
    """

    name: str
    mean: Sequence[float]
    std: Sequence[float]
    classes: Sequence[int] | None = None


#: By kind of dataset.
KNOWN = {
    "cifar10": Known("CIFAR10", *_CIFAR),
    "cifar100": Known("CIFAR100", *_CIFAR),
    "tiny_imagenet": Known("TinyImageNet", *_IMAGENET),
    "imagenette": Known("ImageNette", *_IMAGENET),
    # Its breeds stand in the order of their first list, here in that of their WordNet ids.
    "imagewoof": Known("ImageWoof", *_IMAGENET, (5, 4, 8, 2, 0, 3, 1, 9, 6, 7)),
}


def tensor_files(images: DistilledSet, kind: str) -> Iterator[tuple[str, bytes]]:
    """Names below `FOLDER` and contents of the files of a set of a dataset of this kind.

    ``images.pt`` is float32 ``[C * n, K, H, W]``, class by class in DD-Ranking's order, normalised
    as it normalises test images, and with the set's own statistics where it has not the dataset;
    ``labels.pt`` int64 ``[C * n]``, or float32 ``[C * n, C]`` of a set with learned labels; and
    ``lr.pt`` the learning rate of a set that has learned one.
    """
    import torch

    known = KNOWN.get(kind)
    mean, std = (known.mean, known.std) if known else (images.metadata[k] for k in ("mean", "std"))
    shares = images.images.float() / 255 if images.images.dtype == torch.uint8 else images.images
    mean, std = (torch.tensor(values)[:, None, None] for values in (mean, std))
    classes = len(images.labels) // images.images_per_class
    order = torch.tensor(known.classes if known and known.classes else range(classes))
    rows = torch.arange(len(images.labels)).unflatten(0, (classes, -1))[order].flatten()
    yield "images.pt", _saved((shares[rows] - mean) / std)
    learned = images.learned_labels
    yield "labels.pt", _saved(images.labels if learned is None else learned[rows][:, order])
    if images.learned_rate is not None:
        yield "lr.pt", _saved(torch.tensor(images.learned_rate))


def _saved(tensor: Tensor) -> bytes:
    import torch

    stream = io.BytesIO()
    torch.save(tensor.contiguous().clone(), stream)
    return stream.getvalue()
