"""One set that others made, whatever its files, in this project's order of classes and slots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fd2.artifacts.manifests import Manifest
from fd2.errors import FD2Error, listing
from fd2.imports.class_order import answers, class_ids
from fd2.imports.pictures import read_picture_set
from fd2.imports.pixels import denormalised
from fd2.imports.source_files import WHERE, SourceFiles
from fd2.imports.tensor_files import read_tensor_set

#: Of a set in the right order, at least so many soft labels are highest for the image's class.
_LEAST_OWN = 0.5


@dataclass(frozen=True)
class ForeignSet:
    """Images by slot and class.

    Attributes:
        images: uint8 or float32 ``[n, C, K, H, W]``, see `fd2.artifacts.images.DistilledSet`.
        logits: float32 ``[n, C, C]``, soft labels; None without.
        rate: of students; None without.
        ids: the dataset's class of each class of the source.
        facts: of the pixels and labels, for the record.
    """

    images: Tensor
    logits: Tensor | None
    rate: float | None
    ids: list[int]
    facts: dict[str, float | None]


def read_foreign_set(
    settings: Mapping[str, Any], files: SourceFiles, manifest: Manifest, images_per_class: int
) -> ForeignSet:
    """Read a set, refuse what does not fit the dataset, and bring it into its order.

    Args:
        settings: of the method ``imported``.
        files: of the set.
        manifest: of the dataset.
        images_per_class: n, as the sheet asks for.

    Raises:
        FD2Error: for another number of classes, images, pixels or channels; pixels that were
            normalised otherwise; soft labels of other classes; files that cannot be read.
    """
    classes, where = len(manifest.classes), str(files.root)
    found: tuple[str, ...] = ()
    logits = rate = None
    outside = 0.0
    if files.kind == "tensors":
        stored = read_tensor_set(files)
        images, labels, logits, rate = stored.images, stored.labels, stored.logits, stored.rate
        _require_shape(images, manifest, where)
        if labels is None:
            labels = _by_place(len(images), classes, logits, where)
        images, outside = denormalised(images, *_statistics(settings, manifest))
    else:
        if settings["mean"] is not None:
            fix = "set mean and std to null"
            raise FD2Error("mean and std of pictures", WHERE.format("mean"), fix)
        pictures = read_picture_set(files, manifest.resolution, manifest.channels)
        images, labels, found = pictures.images, pictures.labels, pictures.classes
    _require_counts(labels, classes, images_per_class, found, where)
    ids = class_ids(found, manifest.classes, settings["class_order"])
    own = None
    if logits is not None:
        own = own_labels(logits, labels, classes, where, trusted=settings["trusted"])
        logits = _placed(logits[:, _inverse(ids)], labels, ids, images_per_class)
    images = _placed(images, labels, ids, images_per_class)
    facts = {"outside_share": outside, "soft_labels_of_own_class": own}
    return ForeignSet(images, logits, rate, ids, facts)


def _statistics(settings: Mapping[str, Any], manifest: Manifest) -> tuple[Any, Any]:
    if settings["mean"] is None:
        return manifest.mean, manifest.std
    for key in ("mean", "std"):
        if len(settings[key]) != manifest.channels:
            what = f"{len(settings[key])} values for {manifest.channels} channels"
            fix = f"give {manifest.channels}, one a channel"
            raise FD2Error(what, WHERE.format(key), fix)
    return settings["mean"], settings["std"]


def _require_shape(images: Tensor, manifest: Manifest, where: str) -> None:
    wanted = (manifest.channels, manifest.resolution, manifest.resolution)
    if images.shape[1:] != wanted:
        raise FD2Error(
            f"images of {list(images.shape[1:])} (channels, height, width), the dataset has "
            f"{list(wanted)}",
            where,
            "prepare the dataset at the set's resolution and channels, under a name of its own",
        )


def _by_place(count: int, classes: int, logits: Tensor | None, where: str) -> Tensor:
    """Labels of images that stand class by class; or by soft labels that give each class as many.

    Raises:
        FD2Error: if the images cannot be shared out among the classes.
    """
    if count % classes:
        what = f"{count} images for {classes} classes, without numbers of classes"
        raise FD2Error(what, where, "name the set's labels, or the dataset that it is of")
    each = count // classes
    if logits is not None and logits.shape[1] == classes:
        own = answers(logits)
        if torch.equal(own.bincount(minlength=classes), torch.full((classes,), each)):
            return own
    return torch.arange(classes).repeat_interleave(each)


def _require_counts(
    labels: Tensor, classes: int, images_per_class: int, found: tuple[str, ...], where: str
) -> None:
    present = len(found) or int(labels.unique().numel())
    if present != classes or int(labels.min()) < 0 or int(labels.max()) >= classes:
        numbers = "" if found else f", numbered {int(labels.min())} to {int(labels.max())}"
        what = f"{present} classes{numbers}, the dataset has {classes}"
        raise FD2Error(what, where, "name the dataset that the set is of; numbers begin with 0")
    counts = labels.bincount(minlength=classes).tolist()
    if wrong := [at for at, count in enumerate(counts) if count != images_per_class]:
        names = [f"{found[at] if found else at}: {counts[at]}" for at in wrong]
        raise FD2Error(
            f"{images_per_class} images per class are asked for, {len(wrong)} of {classes} classes "
            f"have another number ({listing(names, most=5)})",
            where,
            "ask for the ipc that the set has; a set of unequal classes cannot be imported",
        )


def own_labels(logits: Tensor, labels: Tensor, classes: int, where: str, *, trusted: bool) -> float:
    """The share of soft labels that are highest for the class that the image counts as.

    Args:
        logits: ``[N, classes of the labels]``.
        labels: int64 ``[N]``, classes of the images.
        classes: of the dataset.
        where: the labels are of, for the error.
        trusted: whether a low share is taken.

    Raises:
        FD2Error: for labels of other classes; for a share of less than a half.
    """
    if logits.shape[1] != classes:
        what = f"soft labels of {logits.shape[1]} classes, the dataset has {classes}"
        raise FD2Error(what, where, "name the labels of this set, or the dataset that it is of")
    own = float((answers(logits) == labels).double().mean())
    if own < _LEAST_OWN and not trusted:
        raise FD2Error(
            f"only {100 * own:.1f} % of the soft labels are highest for the class of their image",
            where,
            "name the labels of these images, in their order; or set "
            "'distill.methods.imported.trusted' to true if the images stand class by class",
        )
    return own


def _inverse(ids: list[int]) -> list[int]:
    return sorted(range(len(ids)), key=ids.__getitem__)


def _placed(rows: Tensor, labels: Tensor, ids: list[int], count: int) -> Tensor:
    """Rows ``[N, ...]`` in the source's order as ``[n, C, ...]`` in the dataset's."""
    by_class = rows[torch.argsort(labels, stable=True)].unflatten(0, (len(ids), count))
    return by_class[_inverse(ids)].transpose(0, 1).contiguous()
