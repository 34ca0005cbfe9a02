"""Stage patches: initial images from the crops that the plain teacher recognises best."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fd2.artifacts.images import write_slots
from fd2.artifacts.prepared import PreparedDataset, open_prepared
from fd2.artifacts.provenance import record, same_manifest, shaped_by
from fd2.artifacts.records import write_record
from fd2.augment.codec import encode
from fd2.augment.mosaic import tiled
from fd2.augment.sampling import sample_crops
from fd2.augment.views import crops_only
from fd2.config.settings import PatchSettings
from fd2.errors import FD2Error
from fd2.image_counts import ranked_images, require_patch_images, scored_images
from fd2.networks.stored_teacher import LoadedTeacher, read_teacher
from fd2.runtime.job import Job
from fd2.runtime.progress import Progress
from fd2.runtime.seeds import numpy_generator

_SCORING_BATCH = 128


@dataclass(frozen=True)
class ScoredCrops:
    """The best crop of every scored image.

    Attributes:
        indices: positions in the training split ``[n]``.
        boxes: the best crop of each ``[n, 4]``, fractions of the image.
        losses: its cross-entropy for the true class ``[n]``.
    """

    indices: Tensor
    boxes: Tensor
    losses: Tensor


def make_patches(
    settings: PatchSettings, data: Path, scorer: Path, output: Path, record_file: Path, job: Job
) -> None:
    """Score crops of training images and write the patches of every slot and class.

    Per image the best of several random square crops stands for it (RDED); images of a class are
    ranked by that crop's cross-entropy. Slot k gets rank k (1×1) or ranks 4k to 4k + 3, tiled top
    left, top right, bottom left, bottom right (2×2).

    Raises:
        FD2Error: if a class has too few images for all slots, or manifests differ.
    """
    dataset = open_prepared(data)
    teacher = read_teacher(scorer, job.device)
    digest = same_manifest(
        {str(data): dataset.manifest.digest(), str(scorer): teacher.metadata["manifest"]}
    )
    members = dataset.class_indices(dataset.train)
    counts = [len(of_class) for of_class in members]
    require_patch_images(settings, dict(zip(dataset.manifest.classes, counts, strict=True)))
    scored = choose_images(dataset, members, settings)
    slots = range(settings.slots)
    distinct = settings.slot_patches == "distinct"
    # The release draws fresh crops of the same images for every patch and takes the best of each
    # draw, so patches of a class are near duplicates.
    rankings = [
        _rank(score_crops(dataset, teacher, settings, scored, draw, job), dataset, settings)
        for draw in (slots[:1] if distinct else slots)
    ]
    chosen = [
        _ranks(rankings[0], slot, settings.tiles)
        if distinct
        else _ranks(rankings[slot], 0, settings.tiles)
        for slot in slots
    ]
    images = torch.stack(
        [
            encode(
                tiled(dataset, crops.indices, crops.boxes, teacher.normaliser),
                teacher.normaliser,
                settings.image_codec,
            )
            for crops in chosen
        ]
    )
    shaped = shaped_by("patches", settings, digest, {"scorer": scorer})
    cells = {
        "images": torch.stack([crops.indices for crops in chosen]),
        "boxes": torch.stack([crops.boxes for crops in chosen]).float(),
        "losses": torch.stack([crops.losses for crops in chosen]),
    }
    write_slots(output, images, tuple(range(settings.slots)), shaped, cells)
    picked = [{"images": c.indices.tolist(), "losses": c.losses.tolist()} for c in chosen]
    write_record(record_file, {**record(shaped, job.facts()), "chosen": picked})


def choose_images(
    dataset: PreparedDataset, members: list[Tensor], settings: PatchSettings
) -> list[Tensor]:
    """Which images of each class are scored, in the order of the data.

    Args:
        dataset: of the images.
        members: positions in the training split of the images of each class ``[n_c]``.
        settings: say how many, and whether these are the first or drawn at random; the seed and
            the class's name decide which.
    """
    counts = scored_images(settings.images_scored, [len(of_class) for of_class in members])
    if settings.images_chosen == "first":
        return [of_class[:count] for of_class, count in zip(members, counts, strict=True)]
    chosen = []
    for name, of_class, count in zip(dataset.manifest.classes, members, counts, strict=True):
        rng = numpy_generator("patches", settings.seed, settings.dataset, "images", name)
        positions = np.sort(rng.choice(len(of_class), count, replace=False))
        chosen.append(of_class[torch.from_numpy(positions)])
    return chosen


@torch.no_grad()
def score_crops(
    dataset: PreparedDataset,
    teacher: LoadedTeacher,
    settings: PatchSettings,
    scored: list[Tensor],
    draw: int,
    job: Job,
) -> ScoredCrops:
    """The best of several random crops of every image.

    A crop is resized, antialiased as in RDED, to 1/tiles of the image's side and zero-padded (mean
    colour) to full size, as it would appear among the tiles. ``scored`` has the positions of the
    images of each class; another number of ``draw`` gives other crops.

    Raises:
        FD2Error: if a score is not finite.
    """
    size = dataset.manifest.resolution
    small = size // settings.tiles
    before = (size - small) // 2
    padding = (before, size - small - before) * 2
    indices = torch.cat(scored)
    # Not keyed by the kind's variant: variants see the same crops.
    names = ("patches", settings.seed, settings.dataset, settings.tiles)
    rng = numpy_generator(*names, "draw", draw)
    count = settings.crops_per_image
    boxes = sample_crops(rng, len(indices) * count, size, settings.crop_scale, ratio=(1.0, 1.0))
    boxes = boxes.reshape(len(indices), count, 4)
    batches = list(torch.arange(len(indices)).split(max(_SCORING_BATCH // count, 1)))
    losses = []
    for number in Progress(len(batches), f"score {settings.kind} crops", unit="batch"):
        rows = batches[number]
        images = dataset.train.batch(indices[rows], job.device)
        repeated = teacher.normaliser.normalise(images).repeat_interleave(count, 0)
        crops = crops_only(boxes[rows].flatten(0, 1)).apply(repeated, small, antialias=True)
        logits = teacher.network.backbone(functional.pad(crops, padding))
        labels = dataset.train.labels[indices[rows]].to(job.device).repeat_interleave(count)
        losses.append(functional.cross_entropy(logits, labels, reduction="none"))
    table = torch.cat(losses).cpu().reshape(len(indices), count)
    if not table.isfinite().all():
        raise FD2Error(
            "scores of crops are not finite",
            f"teacher {settings.scorer} of {settings.dataset}",
            "train it again with a lower 'pretrain.learning_rate'",
        )
    best = table.argmin(1)
    rows = torch.arange(len(indices))
    return ScoredCrops(indices, boxes[rows, best], table[rows, best])


def _rank(crops: ScoredCrops, dataset: PreparedDataset, settings: PatchSettings) -> ScoredCrops:
    """The best images of each class by increasing loss; tensors ``[ranks, C, ...]``."""
    labels = dataset.train.labels[crops.indices]
    needed = ranked_images(settings)
    order = [
        members[torch.argsort(crops.losses[members], stable=True)[:needed]]
        for members in ((labels == c).nonzero().flatten() for c in range(dataset.num_classes))
    ]
    rows = torch.stack(order, dim=1)
    return ScoredCrops(crops.indices[rows], crops.boxes[rows], crops.losses[rows])


def _ranks(ranking: ScoredCrops, slot: int, tiles: int) -> ScoredCrops:
    """The crops of one slot, ``[tiles², C, ...]``."""
    run = slice(slot * tiles**2, (slot + 1) * tiles**2)
    return ScoredCrops(ranking.indices[run], ranking.boxes[run], ranking.losses[run])
