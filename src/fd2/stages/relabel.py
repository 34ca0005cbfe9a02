"""Stage relabel: batch-specific soft labels of augmented distilled images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fd2.artifacts.images import DistilledSet, read_distilled
from fd2.artifacts.label_format import LabelFormat
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.artifacts.records import write_record
from fd2.artifacts.soft_labels import StoredAugmentation, write_soft_labels
from fd2.augment.normalise import Normaliser
from fd2.config.label_storage import require_classes
from fd2.config.settings import RelabelSettings
from fd2.errors import FD2Error
from fd2.networks.stored_teacher import LoadedTeacher, read_teacher
from fd2.replay.plan import plan_augmentation
from fd2.replay.view import Replay
from fd2.runtime.job import Job
from fd2.runtime.progress import Progress
from fd2.runtime.seeds import seed_from
from fd2.runtime.state import Snapshot, StageState, stage_state


def relabel(
    settings: RelabelSettings, distilled: Path, teachers: Sequence[Path], folder: Path, job: Job
) -> None:
    """Store each image's mean teacher logits of every stored epoch, with the augmentation seen.

    A job that was stopped goes on at the first epoch without labels and ends in the same bytes.

    Raises:
        FD2Error: if manifests differ, a head is asked for that a teacher lacks, more classes are to
            be kept than there are, or a label is not finite.
        StoppedError: if a signal came; the state is written.
    """
    images = read_distilled(distilled)
    loaded = labelling_teachers(
        settings, teachers, {str(distilled): images.metadata["manifest"]}, job.device
    )
    manifest = images.metadata["manifest"]
    form = _label_format(settings, loaded[0].metadata["classes"])
    inputs = {"distilled": distilled} | {f"teacher{i}": p for i, p in enumerate(teachers)}
    shaped = shaped_by("relabel", _told(settings), manifest, inputs)
    if settings.storage is not None:
        shaped["classes"] = form.classes
    with stage_state(job, shaped) as state:
        augmentation, logits = make_labels(settings, images, loaded, form, state)
        write_soft_labels(folder, augmentation, logits, shaped)
        write_record(folder / "record.json", record(shaped, job.facts()))
        state.remove()


def labelling_teachers(
    settings: RelabelSettings,
    teachers: Sequence[Path],
    digests: Mapping[str, str],
    device: torch.device,
) -> list[LoadedTeacher]:
    """The teachers, in the mode that they label in.

    Args:
        settings: of the labels.
        teachers: their files.
        digests: of the manifests of what they are to label, by path.
        device: where they are to be.

    Raises:
        FD2Error: if manifests differ, or a head is asked for that a teacher lacks.
    """
    loaded = [read_teacher(path, device) for path in teachers]
    theirs = {str(p): t.metadata["manifest"] for p, t in zip(teachers, loaded, strict=True)}
    same_manifest({**digests, **theirs})
    for path, teacher in zip(teachers, loaded, strict=True):
        set_label_mode(teacher.network, settings.teacher_mode, settings.teacher_dropout)
        if settings.head == "cal" and teacher.network.cal is None:
            raise FD2Error(
                "a plain teacher has no CAL head", str(path), "set 'relabel.head' to backbone"
            )
    return loaded


def make_labels(
    settings: RelabelSettings,
    images: DistilledSet,
    teachers: Sequence[LoadedTeacher],
    form: LabelFormat,
    state: StageState,
    piece: str = "epochs",
) -> tuple[StoredAugmentation, np.ndarray]:
    """The augmentation of all stored epochs and the labels ``[E, N, ...]`` of what it shows.

    Args:
        settings: of the labels.
        images: the set.
        teachers: of `labelling_teachers`.
        form: how labels are stored.
        state: the stage's; its device is where the teachers are.
        piece: name of the labels in the state.

    Raises:
        FD2Error: if a label is not finite.
        StoppedError: if a signal came; the state is written.
    """
    augmentation = plan_augmentation(
        ("relabel", settings.seed),
        len(images.images),
        settings.stored_epochs,
        images.images.shape[-1],
        batch_size=settings.batch_size,
        crop_scale=settings.crop_scale,
        cutmix_alpha=settings.cutmix_alpha,
    )
    normaliser = Normaliser(images.metadata["mean"], images.metadata["std"])
    replay = Replay(normaliser.normalise(images.images.to(state.device)), augmentation)
    labels = _label(replay, teachers, settings, form, len(images.images), state, piece)
    return augmentation, labels


def _label_format(settings: RelabelSettings, classes: int) -> LabelFormat:
    storage = settings.storage
    if storage is None:
        return LabelFormat(classes)
    require_classes(storage.top_k, classes, settings.dataset)
    return LabelFormat(classes, storage.top_k, storage.bits)


def _told(settings: RelabelSettings) -> dict[str, Any]:
    """The settings as files tell them: of storage as it always was, nothing."""
    told = asdict(settings)
    if settings.storage is None:
        del told["storage"]
    return told


def set_label_mode(network: nn.Module, mode: str, dropout: bool) -> None:
    """Put a teacher into the mode it labels in, with or without dropout in ``train_halves``.

    Mode ``train_halves`` takes batch-norm statistics from each half batch, ``eval`` those of the
    training set.
    """
    network.train(mode == "train_halves")
    for module in network.modules():
        if isinstance(module, nn.Dropout) and not dropout:
            module.eval()


@torch.no_grad()
def _label(
    replay: Replay,
    teachers: Sequence[LoadedTeacher],
    settings: RelabelSettings,
    form: LabelFormat,
    count: int,
    state: StageState,
    piece: str,
) -> np.ndarray:
    """Labels of all stored epochs by image id, as they are stored.

    The state is a chain of pieces, each of the epochs since the piece before, because all labels
    together may take gigabytes.
    """
    # Dropout draws from the global generators, which a snapshot sets again.
    torch.manual_seed(seed_from("relabel", settings.seed, "dropout"))
    stored = np.empty(form.shape(settings.stored_epochs, count), form.dtype)
    # Snapshots hold bytes: torch has no structured numbers.
    content = stored.view(np.uint8)
    begin = 0
    while (kept := state.part(f"{piece}-{begin}").restore()) is not None:
        known = kept.tensors["logits"].numpy()
        content[begin : begin + len(known)] = known
        begin += len(known)
    for epoch in Progress(len(stored), "relabel", unit="epoch", start=begin):
        halves = [half for batch in replay.epoch(epoch) for half in batch]
        logits = torch.cat([_mean_logits(teachers, half.images, settings.head) for half in halves])
        ids = torch.cat([half.ids for half in halves])
        # One copy to the host per epoch.
        answers = logits.float().cpu().numpy()
        stored[epoch, ids.cpu().numpy()] = form.pack(answers)
        fault = form.fault(stored[epoch])
        # Of classes that are not kept, too: they decide which are.
        if fault is None and not np.isfinite(answers).all():
            fault = "are not finite"
        if fault:
            raise FD2Error(
                f"soft labels of epoch {epoch} {fault}",
                "stage relabel",
                "train the teacher again with a lower learning rate",
            )
        if state.due():
            latest = torch.from_numpy(content[begin : epoch + 1])
            state.part(f"{piece}-{begin}").save(Snapshot({"logits": latest}))
            begin = epoch + 1
            state.stop_if_asked()
    return stored


def _mean_logits(teachers: Sequence[LoadedTeacher], images: Tensor, head: str) -> Tensor:
    networks = [teacher.network for teacher in teachers]
    if head == "backbone":
        return torch.stack([network.backbone(images) for network in networks]).mean(0)
    return torch.stack([network(images).cal_logits for network in networks]).mean(0)
