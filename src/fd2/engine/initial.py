"""Which patch a slot starts from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fd2.artifacts.images import SlotImages
from fd2.errors import FD2Error
from fd2.runtime.seeds import numpy_generator


def initial_patches(
    patches: SlotImages,
    slot: int,
    rule: str,
    class_names: Sequence[str],
    names: tuple[object, ...],
    where: str,
) -> Tensor:
    """The initial images of a slot, one a class.

    Args:
        patches: of the method's kind.
        slot: its number.
        rule: ``by_slot`` takes patch k for slot k; ``random`` draws a patch of the class for each
            slot anew, with replacement, as the release does.
        class_names: by class id; part of the seed, so that the order of classes cannot matter.
        names: seed the draw.
        where: the patches' file, for errors.

    Returns:
        uint8 ``[C, 3, H, W]``.

    Raises:
        FD2Error: if there is no patch for the slot.
    """
    if rule == "random":
        rows = [
            int(numpy_generator(*names, "patch", slot, name).integers(len(patches.slots)))
            for name in class_names
        ]
        return patches.images[torch.tensor(rows), torch.arange(len(rows))]
    if slot not in patches.slots:
        raise FD2Error(
            f"no patch for slot {slot}", where, "make patches for at least 'distill.slots' slots"
        )
    return patches.images[patches.slots.index(slot)]
