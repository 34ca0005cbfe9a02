"""Soft labels and the augmentation they belong to, keyed by epoch and image id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fd2.artifacts.files import damaged, diverged, file_digest, read_array, write_array
from fd2.artifacts.label_format import LabelFormat
from fd2.artifacts.tensors import read_tensors, write_tensors

LOGITS = "logits.npy"
AUGMENTATION = "augmentation.safetensors"
_DIGEST = "logits_sha256"


@dataclass(frozen=True)
class StoredAugmentation:
    """What was done to every image in every epoch; N images with ids 0..N-1, E epochs.

    Attributes:
        order: int64 ``[E, N]``, image ids in the order they were labelled; consecutive runs of
            ``half_sizes`` ids form the half batches that share batch-norm statistics.
        half_sizes: int64 ``[2 * batches]``, sizes of the half batches of every epoch; halves 2b
            and 2b+1 make batch b.
        boxes: float32 ``[E, N, 4]``, crop (top, left, height, width) as fractions of the image.
        flips: bool ``[E, N]``.
        partners: int64 ``[E, N]``, id of the image whose pixels are mixed in.
        mix_boxes: int64 ``[E, N, 4]``, (y0, y1, x0, x1) in pixels; equal within a batch.
    """

    order: Tensor
    half_sizes: Tensor
    boxes: Tensor
    flips: Tensor
    partners: Tensor
    mix_boxes: Tensor

    @property
    def changes_nothing(self) -> bool:
        """Whether every image was seen as it is."""
        whole = torch.tensor([0.0, 0.0, 1.0, 1.0])
        own = self.partners == torch.arange(self.partners.shape[1])
        return bool((self.boxes == whole).all() and not self.flips.any() and own.all())


@dataclass(frozen=True)
class SoftLabels:
    """Labels of N images in E epochs.

    Attributes:
        augmentation: of the E epochs.
        logits: of the type and shape of ``form``, mapped; float16 ``[E, N, C]`` unless asked for
            otherwise.
        form: how they are stored.
        metadata: what shaped them.
    """

    augmentation: StoredAugmentation
    logits: np.ndarray
    form: LabelFormat
    metadata: dict[str, Any]

    @property
    def epochs(self) -> int:
        """Epochs that a student may train: more than E where it is to go through them again."""
        settings = self.metadata.get("settings", {})
        again = (settings.get("storage") or {}).get("stored_epochs") is not None
        return int(settings["epochs"]) if again else len(self.logits)

    @property
    def nbytes(self) -> int:
        """Bytes of logits and augmentation."""
        return self.logits.nbytes + sum(each.nbytes for each in vars(self.augmentation).values())

    def stored_epoch(self, epoch: int) -> int:
        """The stored epoch that a student's epoch, from 0, shows: those stored go round."""
        return epoch % len(self.logits)


def write_soft_labels(
    folder: str | Path,
    augmentation: StoredAugmentation,
    logits: np.ndarray,
    metadata: Mapping[str, Any],
) -> None:
    """Write two large files into ``folder``: the logits, and the augmentation.

    ``metadata`` holds ``manifest``, the distilled set's digest and what else shaped them: the
    ``settings`` of storage if logits are not float16 ``[E, N, C]``, with the number of ``classes``.

    Raises:
        FD2Error: if a logit is not finite.
    """
    root = Path(folder)
    form = _form(metadata, logits)
    shape = form.shape(*augmentation.order.shape)
    if logits.dtype != form.dtype or logits.shape != shape:
        raise ValueError(f"{form.dtype} {shape} wanted, got {logits.dtype} {logits.shape}")
    if fault := _logits_fault(form, logits):
        raise diverged(root / LOGITS, fault)
    write_array(root / LOGITS, logits)
    facts = {**metadata, _DIGEST: file_digest(root / LOGITS)}
    write_tensors(root / AUGMENTATION, vars(augmentation), facts)


def read_soft_labels(folder: str | Path) -> SoftLabels:
    """Open the soft labels in ``folder``; the logits' digest stands beside the augmentation.

    Raises:
        FD2Error: if a file is missing or damaged, the two do not belong together, a logit is not
            finite, or an augmentation is none of the images'.
    """
    root = Path(folder)
    names = tuple(field.name for field in fields(StoredAugmentation))
    tensors, metadata = read_tensors(root / AUGMENTATION, names)
    logits = read_array(root / LOGITS)
    augmentation = StoredAugmentation(**tensors)
    form = _form(metadata, logits)
    shape = form.shape(*augmentation.order.shape)
    if logits.dtype != form.dtype or logits.shape != shape:
        found = f"{logits.dtype} {logits.shape} for {form.dtype} {shape}"
        raise damaged(root / LOGITS, found)
    if int(augmentation.half_sizes.sum()) != logits.shape[1]:
        raise damaged(root / AUGMENTATION, "half batches do not cover the images")
    if metadata.pop(_DIGEST, None) != file_digest(root / LOGITS):
        raise damaged(root / LOGITS, f"its digest is not the one in {AUGMENTATION}")
    if fault := _logits_fault(form, logits):
        raise damaged(root / LOGITS, fault)
    if fault := _augmentation_fault(augmentation):
        raise damaged(root / AUGMENTATION, fault)
    return SoftLabels(augmentation, logits, form, metadata)


def _form(metadata: Mapping[str, Any], logits: np.ndarray) -> LabelFormat:
    """How the labels are stored, as their settings say."""
    storage = metadata.get("settings", {}).get("storage")
    if storage is None:
        return LabelFormat(logits.shape[-1])
    return LabelFormat(int(metadata["classes"]), storage["top_k"], storage["bits"])


def _logits_fault(form: LabelFormat, logits: np.ndarray) -> str | None:
    # An epoch at a time: all logits may be larger than memory.
    faults = ((epoch, form.fault(labels)) for epoch, labels in enumerate(logits))
    return next((f"logits of epoch {epoch} {fault}" for epoch, fault in faults if fault), None)


def _augmentation_fault(augmentation: StoredAugmentation) -> str | None:
    """The first tensor with a value that no image or crop has."""
    ids = torch.arange(augmentation.order.shape[1])
    ends = augmentation.boxes[..., :2] + augmentation.boxes[..., 2:]
    mixed = augmentation.mix_boxes
    fits = {
        "order": (augmentation.order.sort(1).values == ids).all(),
        "partners": (augmentation.partners.sort(1).values == ids).all(),
        "half_sizes": (augmentation.half_sizes > 0).all(),
        "boxes": (augmentation.boxes >= 0).all() and (ends <= 1 + 1e-6).all(),
        "mix_boxes": (mixed >= 0).all() and (mixed[..., ::2] <= mixed[..., 1::2]).all(),
    }
    return next((f"'{name}' is out of range" for name, fit in fits.items() if not fit), None)


def epoch_logits(labels: SoftLabels, epoch: int, device: torch.device) -> Tensor:
    """Logits of one stored epoch as float32 ``[N, C]`` on ``device``, by image id."""
    return logits_of(labels.form, np.array(labels.logits[epoch]), device)


def logits_of(form: LabelFormat, stored: np.ndarray, device: torch.device) -> Tensor:
    """Logits float32 ``[N, C]`` on ``device`` of any N labels as they are stored.

    Those of 8 bits are 0 at the likeliest class, those of classes that were not kept −∞.
    """
    if form.plain:
        return torch.from_numpy(stored).to(device).float()
    values = _column(stored, "values", device).float()
    if form.bits == 8:
        values = -values * _column(stored, "step", device).float()[:, None]
    if form.top_k is None:
        return values
    logits = torch.full((len(stored), form.classes), -torch.inf, device=device)
    return logits.scatter_(1, _column(stored, "classes", device).long(), values)


def _column(stored: np.ndarray, name: str, device: torch.device) -> Tensor:
    """One field of structured labels."""
    column = stored[name]
    # Of unsigned numbers torch has little but bytes.
    wide = column.astype(np.int64) if column.dtype.kind == "u" and column.itemsize > 1 else column
    return torch.from_numpy(np.ascontiguousarray(wide)).to(device)
