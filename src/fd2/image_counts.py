"""How many images a stage needs of each class, and how it divides them into batches."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fd2.config import plugins
from fd2.config.settings import PatchSettings
from fd2.errors import FD2Error, listing

#: Training images of a class, below which nothing can be distilled.
LEAST_TRAINING_IMAGES = 2
#: Images of a batch, below which one of its halves has a single image, of which batch norm takes no
#: statistics.
LEAST_BATCH = 4


def ranked_images(settings: PatchSettings) -> int:
    """The images of each class, best first, that the patches of all slots are cut from."""
    return settings.tiles**2 * (settings.slots if settings.slot_patches == "distinct" else 1)


def scored_images(images_scored: int | str | None, counts: Sequence[int]) -> list[int]:
    """How many images of each class are scored for patches.

    Args:
        images_scored: as in section ``patches``: so many at most, ``smallest_class`` for as many
            as the smallest class has, or None for all.
        counts: training images of each class.
    """
    if images_scored is None:
        return list(counts)
    most = min(counts) if images_scored == "smallest_class" else int(images_scored)
    return [min(count, most) for count in counts]


def require_training_images(counts: Mapping[str, int], where: str) -> None:
    """Refuse a dataset with a class of fewer than `LEAST_TRAINING_IMAGES`.

    Args:
        counts: training images of each class, by its name.
        where: the dataset was set.

    Raises:
        FD2Error: names the classes.
    """
    small = [f"{name!r} ({n})" for name, n in counts.items() if n < LEAST_TRAINING_IMAGES]
    if small:
        raise FD2Error(
            f"{len(small)} class(es) with fewer than {LEAST_TRAINING_IMAGES} training images: "
            + listing(small),
            where,
            "add training images, lower test_fraction or held_out_fraction if set, or take the "
            "classes out",
        )


def require_patch_images(settings: PatchSettings, counts: Mapping[str, int]) -> None:
    """Refuse a dataset with too few images for the patches.

    Args:
        settings: of the stage patches.
        counts: training images of each class, by its name.

    Raises:
        FD2Error: names the first class with too few images.
    """
    needed = ranked_images(settings)
    slots = needed // settings.tiles**2
    scored_of = scored_images(settings.images_scored, list(counts.values()))
    for name, scored in zip(counts, scored_of, strict=True):
        if scored < needed:
            raise FD2Error(
                f"class '{name}' has {scored} images to score, "
                f"{slots} slots of {settings.kind} patches need {needed}",
                f"dataset '{settings.dataset}', its patches '{settings.kind}'",
                "lower 'distill.slots', use 1x1 patches, or raise their 'images_scored'",
            )


def require_whole_images(
    dataset: str, counts: Mapping[str, int], images_per_class: int, each: int = 1
) -> None:
    """Refuse a dataset with too few images to choose from.

    Args:
        dataset: its name.
        counts: training images of each class, by its name.
        images_per_class: wanted.
        each: real images that one of these is made of, all different.

    Raises:
        FD2Error: names the first class with too few images.
    """
    for name, count in counts.items():
        if count < images_per_class * each:
            made = f", {each} for each image" if each > 1 else ""
            raise FD2Error(
                f"class '{name}' has {count} training images, {images_per_class * each} are "
                f"wanted{made}",
                f"dataset '{dataset}'",
                f"ask for at most {min(counts.values()) // each} images per class",
            )


def real_images_of_each(method: str, settings: Mapping[str, Any]) -> int:
    """Real images that an image of a selecting method is made of."""
    plugin = plugins.load("methods", method)
    told = getattr(plugin, "real_images_of_each", None)
    return 1 if told is None else int(told(settings))


def even_sizes(count: int, most: int) -> list[int]:
    """Sizes of the fewest batches of at most ``most`` items, falling and differing by one at most.

    Args:
        count: items, at least 1.
        most: largest batch, at least 1.
    """
    batches = -(-count // most)
    size, larger = divmod(count, batches)
    return [size + 1] * larger + [size] * (batches - larger)


def half_batch_sizes(count: int, batch_size: int) -> list[int]:
    """Sizes of the half batches of one epoch; halves 2b and 2b + 1 make batch b.

    Batches have nearly equal sizes of at most ``batch_size``, so that no half is left too small
    for batch-norm statistics (a ragged last batch would be split differently by teacher and
    student).

    Raises:
        FD2Error: if a half would hold fewer than two images.
    """
    sizes = [
        half for size in even_sizes(count, batch_size) for half in (size // 2, size - size // 2)
    ]
    if min(sizes) < LEAST_BATCH // 2:
        raise FD2Error(
            f"{count} images in batches of at most {batch_size} leave a half batch of {min(sizes)}",
            "settings 'relabel.batch_size' and the number of classes times images per class",
            f"distil at least {LEAST_BATCH} images in all, and give a batch size of at least 7",
        )
    return sizes


def visible_difference(counts: Collection[int], accuracy: float = 0.5) -> float:
    """How far apart two rows' class-balanced accuracies must be for test images to tell them apart.

    2.8 √(p (1 − p) / n), which is 1.96 standard errors of the difference of two accuracies p on
    separate images. With K classes of n_k images n is K² / Σ 1/n_k, their number where all are
    equal. Rows are tested on the same images, so that less may show where they err alike.

    Args:
        counts: test images of each class, at least 1.
        accuracy: p, in [0, 1]; one half gives the largest difference.

    Returns:
        Points of percent.
    """
    images = len(counts) ** 2 / sum(1 / count for count in counts)
    return 280 * math.sqrt(accuracy * (1 - accuracy) / images)
