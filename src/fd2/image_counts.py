"""How many training images of a class a stage needs."""

from __future__ import annotations

from collections.abc import Mapping

from fd2.config.settings import PatchSettings
from fd2.errors import FD2Error


def ranked_images(settings: PatchSettings) -> int:
    """The images of each class, best first, that the patches of all slots are cut from."""
    return settings.tiles**2 * (settings.slots if settings.slot_patches == "distinct" else 1)


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
    for name, count in counts.items():
        scored = count if settings.images_scored is None else min(count, settings.images_scored)
        if scored < needed:
            raise FD2Error(
                f"class '{name}' has {scored} images to score, "
                f"{slots} slots of {settings.kind} patches need {needed}",
                f"dataset '{settings.dataset}', section 'patches'",
                "lower 'distill.slots', use 1x1 patches, or raise 'patches.images_scored'",
            )


def require_whole_images(dataset: str, counts: Mapping[str, int], images_per_class: int) -> None:
    """Refuse a dataset with too few images to choose from.

    Args:
        dataset: its name.
        counts: training images of each class, by its name.
        images_per_class: wanted, all different.

    Raises:
        FD2Error: names the first class with too few images.
    """
    for name, count in counts.items():
        if count < images_per_class:
            raise FD2Error(
                f"class '{name}' has {count} training images, {images_per_class} are wanted",
                f"dataset '{dataset}'",
                f"ask for at most {min(counts.values())} images per class",
            )
