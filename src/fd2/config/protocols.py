"""What protocols of students need beside the other values of section ``evaluate``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DirectSettings:
    """What the protocol ``direct`` of students needs beside the section's other values.

    Attributes:
        momentum: of SGD.
        batch_size: images of a step.
        augmentation: operations of `fd2.augment.differentiable`, of which a batch sees one.
    """

    momentum: float
    batch_size: int
    augmentation: tuple[str, ...]
