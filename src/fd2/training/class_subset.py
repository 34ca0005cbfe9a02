"""Some classes of a dataset and of a distilled set, as if there were no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fd2.artifacts.images import DistilledSet
from fd2.artifacts.prepared import PreparedDataset, Split


@dataclass(frozen=True)
class SplitOfClasses(Split):
    """A split's images of some classes, in its order.

    Attributes:
        rows: int64 ``[n]``, their positions in ``images``, which are all of the split.
        labels: int64 ``[n]``, counted among the classes chosen.
    """

    rows: Tensor

    def batch(self, indices: Tensor, device: torch.device) -> Tensor:
        """As `Split.batch`; indices count these images alone."""
        return super().batch(self.rows[indices], device)


def dataset_of_classes(dataset: PreparedDataset, chosen: Sequence[int]) -> PreparedDataset:
    """Images of the chosen class ids alone; a class's new id is its position among these.

    Mean and standard deviation stay those of all classes. No pixel is copied.
    """
    manifest = dataset.manifest
    number = {old: new for new, old in enumerate(chosen)}
    files = {
        split: [{**one, "class": number[one["class"]]} for one in own if one["class"] in number]
        for split, own in manifest.files.items()
    }
    names = tuple(manifest.classes[old] for old in chosen)
    train, test = (_split(split, chosen) for split in (dataset.train, dataset.test))
    return PreparedDataset(replace(manifest, classes=names, files=files), train, test)


def _split(split: Split, chosen: Sequence[int]) -> SplitOfClasses:
    labels = _renumbered(split.labels, chosen)
    rows = (labels >= 0).nonzero().flatten()
    return SplitOfClasses(split.images, labels[rows], split.file, split.pixels_sha256, rows)


def images_of_classes(images: DistilledSet, chosen: Sequence[int]) -> DistilledSet:
    """A set's images of the chosen class ids alone, numbered as in `dataset_of_classes`.

    Learned labels keep the logits of these classes.
    """
    labels = _renumbered(images.labels, chosen)
    rows = (labels >= 0).nonzero().flatten()
    learned = images.learned_labels
    return replace(
        images,
        images=images.images[rows],
        labels=labels[rows],
        learned_labels=None if learned is None else learned[rows][:, list(chosen)],
    )


def _renumbered(labels: Tensor, chosen: Sequence[int]) -> Tensor:
    """Each label's position among the chosen ones, -1 for all others."""
    number = torch.full((1 + max(*chosen, int(labels.max())),), -1)
    number[list(chosen)] = torch.arange(len(chosen))
    return number[labels]
