"""`fd2.load`: a distilled set as a dataset of PyTorch, with class, learned or soft labels."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from fd2.artifacts.exports import LABELS as LABEL_FOLDER
from fd2.artifacts.exports import exported_set, unpacked_export
from fd2.artifacts.files import file_digest, not_found
from fd2.artifacts.identity import artefact_name
from fd2.artifacts.images import DistilledSet, read_distilled
from fd2.artifacts.manifests import MANIFEST, Manifest, read_manifest
from fd2.artifacts.provenance import same_manifest
from fd2.artifacts.soft_labels import AUGMENTATION, SoftLabels, logits_of, read_soft_labels
from fd2.augment.normalise import Normaliser
from fd2.augment.whitening import normaliser_in
from fd2.config.datasets import refuse_whitened
from fd2.config.names import SetName
from fd2.config.paths import path_fields
from fd2.errors import FD2Error, require_known
from fd2.replay.view import Replay

#: What a label may be; see `load`.
LABELS = ("class", "learned", "soft")


@dataclass(frozen=True, eq=False)
class DistilledImages(Dataset[tuple[Tensor, int | Tensor]]):
    """Images with a label each; item i is image i and its label.

    Attributes:
        images: normalised float32 ``[C * n, K, H, W]``, class-major; K is 3 for RGB, 1 for grey.
        targets: int64 ``[C * n]``, or learned labels, logits float32 ``[C * n, C]``.
        classes: the name of each class.
        mean, std: of each channel of the real training images in [0, 1], as they normalise.
        images_per_class: n.
        learned_rate: the learning rate that the set's method learned for students, if it did.
    """

    images: Tensor
    targets: Tensor
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    images_per_class: int
    learned_rate: float | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int | Tensor]:
        target = self.targets[index]
        return self.images[index], target if target.ndim else int(target)


class ReplayedImages(Dataset[tuple[Tensor, Tensor]]):
    """Every image of every epoch as the teachers saw it, with their logits float32 ``[C]``.

    E epochs of N images: item ``e * N + i`` is the i-th image in the order of epoch e, cropped,
    flipped and mixed (CutMix) as it was labelled, so that any order and any batches are right.

    Attributes:
        plain: the images themselves, with class labels.
        epochs: E.
        batches: positions of each half batch of each epoch in order, for a ``DataLoader``'s
            ``batch_sampler``. Teachers labelled by the batch-norm statistics of half batches;
            students of the workflow make one step for two of them, by the mean of their losses.
    """

    def __init__(self, plain: DistilledImages, soft: SoftLabels) -> None:
        self.plain = plain
        self._soft = soft
        self._replay = Replay(plain.images, soft.augmentation)
        self.epochs, self._count = soft.augmentation.order.shape
        ends = np.cumsum(soft.augmentation.half_sizes.tolist())
        halves = list(zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True))
        self.batches: list[Sequence[int]] = [
            range(epoch * self._count + begin, epoch * self._count + end)
            for epoch in range(self.epochs)
            for begin, end in halves
        ]

    @property
    def classes(self) -> tuple[str, ...]:
        """The name of each class."""
        return self.plain.classes

    def __len__(self) -> int:
        return self.epochs * self._count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self.__getitems__([index % len(self)])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        """Several items at once, as a ``DataLoader`` asks for them."""
        where = torch.tensor(list(indices))
        epochs = where.div(self._count, rounding_mode="floor")
        ids = self._soft.augmentation.order[epochs, where % self._count]
        images = self._replay.seen(epochs, ids)
        stored = np.array(self._soft.logits[epochs.numpy(), ids.numpy()])
        logits = logits_of(self._soft.form, stored, images.device)
        return list(zip(images.unbind(), logits.unbind(), strict=True))


@overload
def load(path: str | Path, *, labels: Literal["class", "learned"] = "class") -> DistilledImages: ...
@overload
def load(path: str | Path, *, labels: Literal["soft"] | Path) -> ReplayedImages: ...
@overload
def load(path: str | Path, *, labels: str) -> DistilledImages | ReplayedImages: ...


def load(path: str | Path, *, labels: str | Path = "class") -> DistilledImages | ReplayedImages:
    """A distilled set as a dataset, ready for a ``DataLoader``.

    Args:
        path: a ``.safetensors`` file below ``results/distilled/``, or an export: a zip, or the
            folder that it unpacks to. Pictures of an export are read at once.
        labels: ``class`` for class indices; ``learned`` for logits that the set's method learned
            with the images; ``soft`` for those that the teachers gave each image in each epoch of
            a student's training, with the images as they saw them; or the folder of such labels,
            if it is not that of the same variant below ``results/labels/``, or in the export.

    Raises:
        FD2Error: if a file is missing or damaged, or files do not belong together.
    """
    file = Path(path)
    if not isinstance(labels, Path):
        require_known("kind of labels", labels, LABELS, "labels", "; or a Path of soft labels")
    with _opened(file) as opened:
        plain = _plain(opened, file, learned=labels == "learned")
        if labels in ("class", "learned"):
            return plain
        folder = labels if isinstance(labels, Path) else opened.labels
        return ReplayedImages(plain, _soft_labels(folder, file, opened.digest))


@dataclass(frozen=True)
class _Opened:
    """A set, its class names, its file's sha256, where its soft labels would be, its normaliser."""

    images: DistilledSet
    classes: tuple[str, ...]
    digest: str
    labels: Path
    normaliser: Normaliser


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[_Opened]:
    if path.is_dir() or path.suffix == ".zip":
        with unpacked_export(path) as (folder, facts):
            images, classes = exported_set(folder, facts), tuple(facts["classes"])
            refuse_whitened(images.metadata, f"export {path}")
            digest, labels = facts["distilled_sha256"], folder / LABEL_FOLDER
            normaliser = Normaliser(images.metadata["mean"], images.metadata["std"])
            yield _Opened(images, classes, digest, labels, normaliser)
    else:
        yield _from_results(path)


def _plain(opened: _Opened, where: Path, *, learned: bool) -> DistilledImages:
    """The set with class labels or learned ones."""
    found = opened.images
    if learned and found.learned_labels is None:
        fix = "take labels='class' or 'soft': other methods learn images alone"
        raise FD2Error("the set holds no learned labels", str(where), fix)
    normaliser = opened.normaliser
    return DistilledImages(
        normaliser.normalise(found.images),
        found.learned_labels if learned and found.learned_labels is not None else found.labels,
        opened.classes,
        tuple(normaliser.mean),
        tuple(normaliser.std),
        found.images_per_class,
        found.learned_rate,
    )


def _from_results(file: Path) -> _Opened:
    if not file.is_file():
        raise not_found(file)
    found = read_distilled(file)
    name = artefact_name(file)
    fields = path_fields(name or "")
    if name is None or "ipc" not in fields:
        fix = "load the set where the workflow wrote it: results/distilled/.../ipcN.safetensors"
        raise FD2Error("not in its place: its class names stand beside it", str(file), fix)
    results = file.absolute().parents[name.count("/")]
    set_name = SetName.parse(fields)
    manifest = results / "data" / set_name.dataset / MANIFEST
    described: Manifest = read_manifest(manifest)
    same_manifest({str(manifest): described.digest(), str(file): found.metadata["manifest"]})
    labels = results / set_name.labels(int(fields["ipc"]))
    normaliser = normaliser_in(manifest.parent, described)
    return _Opened(found, described.classes, file_digest(file), labels, normaliser)


def _soft_labels(folder: Path, where: Path, digest: str) -> SoftLabels:
    """The labels in a folder, of the set with this digest.

    Raises:
        FD2Error: if there are none, or they are of other images.
    """
    if not (folder / AUGMENTATION).is_file():
        fix = (
            "take an export with labels, or name their folder: labels=Path('results/labels/...')"
            if where.suffix != ".safetensors"
            else f"make them: snakemake {folder}/logits.npy; or name their folder: labels=Path(...)"
        )
        raise FD2Error("no soft labels of this set", str(where), fix)
    soft = read_soft_labels(folder)
    if soft.metadata["inputs"]["distilled"] != digest:
        raise FD2Error(
            "the soft labels belong to other distilled images",
            f"{folder} and {where}",
            "delete the labels and run again; stage relabel makes them anew",
        )
    return soft
