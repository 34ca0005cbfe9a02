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
    """Section ``evaluate`` without what a student does not use, so that this shapes nothing.

    ``direct`` is None under another protocol, ``fine_tuning`` without an epoch. A ``momentum`` says
    that the optimiser is SGD: it is None of AdamW, and under ``direct``, which has its own.
    """
    direct = section["protocol"] == "direct"
    sgd = section["optimiser"] == "sgd" and not direct
    return {
        **{key: value for key, value in section.items() if key != "optimiser"},
        "direct": section["direct"] if direct else None,
        "fine_tuning": section["fine_tuning"] if section["fine_tuning"]["epochs"] else None,
        "momentum": section["momentum"] if sgd else None,
    }
