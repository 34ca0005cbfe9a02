"""Soft labels that others stored in FKD's layout, as this project stores them.

Source: SRe²L, ``relabel/generate_soft_label.py`` and ``relabel/utils_fkd.py``; CV-DD, FADRM and FD²
store the same. The images of a batch are not in its file: they follow from a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fd2.artifacts.label_format import LabelFormat
from fd2.artifacts.soft_labels import StoredAugmentation
from fd2.errors import FD2Error
from fd2.image_counts import LEAST_BATCH
from fd2.imports.source_files import LabelFiles, SourceFiles
from fd2.imports.tensor_files import load_tensors

#: Of the order of images, in ``get_img2batch_idx_list``.
_SEED = 42
#: Of a file: crops, flips, permutation, ratio and box of CutMix, logits.
_PARTS = 6
#: Which of two heads FD²'s students learn from: of the backbone, not of counterfactual attention.
_BACKBONE = 1
#: How far a crop may be from whole pixels, in pixels: stored as float32 fractions.
_WHOLE = 1e-3


@dataclass(frozen=True)
class FkdLabels:
    """Labels of N images, by their ids here.

    Attributes:
        augmentation: of E epochs.
        logits: as the form stores them, of E epochs and N images.
        mean: float32 ``[N, C]``, the mean of an image's logits over the epochs.
    """

    augmentation: StoredAugmentation
    logits: np.ndarray
    mean: Tensor


@dataclass(frozen=True)
class _Batch:
    """One file: crops ``[B, 4]``, flips and partners' positions ``[B]``, box, logits ``[B, C]``."""

    boxes: Tensor
    flips: Tensor
    partners: Tensor
    mix_box: Tensor
    logits: Tensor


def foreign_order(files: SourceFiles, class_ids: Sequence[int]) -> Tensor:
    """Ids here of the images in the order that torchvision's ``ImageFolder`` numbers them.

    It sorts folders and files as text; here both go by their numbers.

    Args:
        files: class folders with n pictures each.
        class_ids: the dataset's class of each folder.

    Returns:
        int64 ``[N]``; an id is n times the class, plus the slot.
    """
    count = len(files.images[0])
    named = [
        (name, path.name, class_id * count + slot)
        for name, class_id, group in zip(files.classes, class_ids, files.images, strict=True)
        for slot, path in enumerate(group)
    ]
    return torch.tensor([image_id for _, _, image_id in sorted(named)])


def read_fkd_labels(
    files: LabelFiles, order: Tensor, columns: Sequence[int], size: int, form: LabelFormat
) -> FkdLabels:
    """Read all batches of all epochs.

    An epoch shows the images in the order of every second permutation that a generator draws from
    the seed 42, as ``RandomSampler`` does: it draws another one at the end of each epoch. The
    halves of a batch are its first and second half, as CV-DD and FD² split them for teacher and
    student.

    Args:
        files: of the labels.
        order: of `foreign_order`.
        columns: the dataset's class of each logit.
        size: height and width of the images in pixels.
        form: how the logits are to be stored.

    Raises:
        FD2Error: for labels of another number of images or classes, of images of another size, of
            MixUp, of batches too small to halve, or that are not finite; for files that hold
            something else or cannot be read.
    """
    sizes = _batch_sizes(files, len(order))
    generator = torch.Generator().manual_seed(_SEED)
    shape = (len(files.epochs), len(order))
    ids = torch.empty(shape, dtype=torch.int64)
    boxes, flips = torch.empty(*shape, 4), torch.empty(shape, dtype=torch.bool)
    partners, mix_boxes = torch.empty_like(ids), torch.empty((*shape, 4), dtype=torch.int64)
    logits = np.empty(form.shape(*shape), form.dtype)
    total = torch.zeros(len(order), form.classes)
    inverse = torch.tensor(columns).argsort()
    for epoch, paths in enumerate(files.epochs):
        ids[epoch] = order[torch.randperm(len(order), generator=generator)]
        torch.randperm(len(order), generator=generator)
        for path, own in zip(paths, ids[epoch].split(sizes), strict=True):
            batch = _read_batch(path, len(own), form.classes, size)
            boxes[epoch, own], flips[epoch, own] = batch.boxes, batch.flips
            partners[epoch, own], mix_boxes[epoch, own] = own[batch.partners], batch.mix_box
            answers = batch.logits[:, inverse]
            logits[epoch, own.numpy()] = form.pack(answers.numpy())
            total[own] += answers
        if fault := form.fault(logits[epoch]):
            what = f"soft labels of epoch {epoch} {fault}"
            raise FD2Error(what, str(files.root), "set 'relabel.bits' to 32, or get a whole copy")
    halves = torch.tensor([half for each in sizes for half in (each // 2, each - each // 2)])
    augmentation = StoredAugmentation(ids, halves, boxes, flips, partners, mix_boxes)
    return FkdLabels(augmentation, logits, total / len(files.epochs))


def _batch_sizes(files: LabelFiles, count: int) -> list[int]:
    """Images of each batch of an epoch, as ``get_FKD_info`` tells them from the first and last."""
    paths = files.epochs[0]
    first, last = (len(_parts(path)[1]) for path in (paths[0], paths[-1]))
    sizes = [first] * (len(paths) - 1) + [last]
    if sum(sizes) != count:
        raise FD2Error(
            f"labels of {sum(sizes)} images, the set has {count}",
            str(files.root),
            "name the labels of this set",
        )
    if min(sizes) < LEAST_BATCH:
        raise FD2Error(
            f"a batch of {min(sizes)} images, in halves too small for batch norm",
            str(paths[-1]),
            f"label them in batches of {LEAST_BATCH} images at least",
        )
    return sizes


def _parts(path: Path) -> list[Any]:
    """The content of a file, of which crops and flips have one number of rows."""
    stored = load_tensors(path)
    if not isinstance(stored, list | tuple) or len(stored) != _PARTS:
        raise _other(path, f"{type(stored).__name__} in place of {_PARTS} parts")
    boxes, flips = stored[:2]
    if not isinstance(boxes, Tensor) or not isinstance(flips, Tensor):
        raise _other(path, "no tensors of crops and flips")
    if flips.ndim != 1 or boxes.shape != (len(flips), 4):
        raise _other(path, f"crops {list(boxes.shape)} and flips {list(flips.shape)}")
    return list(stored)


def _read_batch(path: Path, count: int, classes: int, size: int) -> _Batch:
    boxes, flips, permutation, ratio, box, logits = _parts(path)
    if len(flips) != count:
        raise _other(path, f"a batch of {len(flips)} images in place of {count}")
    pixels = boxes.double() * size
    ends = pixels[:, :2] + pixels[:, 2:]
    fits = (pixels >= -_WHOLE).all() and (pixels[:, 2:] > 0.5).all() and (ends < size + 0.5).all()
    if not fits or float((pixels - pixels.round()).abs().max()) > _WHOLE:
        what = f"crops that are no whole pixels of {size} × {size}"
        fix = "name the labels of this set; those of images of another size cannot be replayed"
        raise FD2Error(what, str(path), fix)
    partners, mix_box = _mixed(path, permutation, ratio, box, count, size)
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        raise _other(path, "no tensor of logits")
    if logits.ndim == 3 and len(logits) == _BACKBONE + 1:
        logits = logits[_BACKBONE]
    if logits.shape != (count, classes):
        what = f"logits {list(logits.shape)}, wanted are [{count}, {classes}]"
        raise FD2Error(what, str(path), "name the labels of this set, and the dataset it is of")
    return _Batch((pixels.round() / size).float(), flips.bool(), partners, mix_box, logits.float())


def _mixed(
    path: Path, permutation: Any, ratio: Any, box: Any, count: int, size: int
) -> tuple[Tensor, Tensor]:
    """Positions of the partners, and the box (y0, y1, x0, x1) in pixels; empty without CutMix."""
    own = torch.arange(count)
    if permutation is None:
        return own, torch.zeros(4, dtype=torch.int64)
    if box is None:
        raise FD2Error(
            f"labels of MixUp (ratio {ratio}), which is not replayed here",
            str(path),
            "name labels of images that are mixed by CutMix, or not at all",
        )
    if not isinstance(permutation, Tensor) or not torch.equal(permutation.long().sort()[0], own):
        raise _other(path, f"no permutation of {count} images")
    edges = torch.tensor([int(edge) for edge in box])
    # First row, first column, last row, last column.
    if edges.shape != (4,) or (edges[:2] > edges[2:]).any() or edges.min() < 0:
        raise _other(path, f"no box of CutMix: {edges.tolist()}")
    if edges.max() > size:
        what = f"a box of CutMix to pixel {int(edges.max())}, the images have {size}"
        raise FD2Error(what, str(path), "name labels of views of the images' own size")
    return permutation.long(), edges[[0, 2, 1, 3]]


def _other(path: Path, found: str) -> FD2Error:
    fix = "name a folder of labels in the layout of FKD, as SRe²L writes it"
    return FD2Error(f"no batch of soft labels: {found}", str(path), fix)
