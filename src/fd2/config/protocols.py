"""What protocols of students need beside the other values of section ``evaluate``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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


@dataclass(frozen=True)
class FineTuningSettings:
    """How a student is trained on real images after those of its set.

    Attributes:
        epochs: at least 1; each has real images of its own.
        learning_rate: at the start of their cosine.
        batch_size: images of a step.
    """

    epochs: int
    learning_rate: float
    batch_size: int


def protocol_settings(section: Mapping[str, Any]) -> dict[str, Any]:
    """What of section ``evaluate`` its protocol uses; the rest is None, so that it shapes nothing.

    That is ``direct``, and ``fine_tuning`` where it has an epoch.
    """
    return {
        "direct": section["direct"] if section["protocol"] == "direct" else None,
        "fine_tuning": section["fine_tuning"] if section["fine_tuning"]["epochs"] else None,
    }
